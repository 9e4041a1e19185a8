"""What is done by links in mails: invitations, forgotten passwords, another address."""
