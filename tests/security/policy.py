"""The content security policy as the design has it, in words of its own: the product is compared with this."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none';"
    " frame-ancestors 'none'"
)
# A stored file: no page, whatever is in it.
ALONE = "sandbox; default-src 'none'"
