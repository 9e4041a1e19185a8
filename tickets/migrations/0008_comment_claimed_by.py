"""Who says that he wrote what an agent has put on a ticket: its readers are told so in their own language."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0007_stumbles")]

    operations = [
        migrations.AddField(
            model_name="comment",
            name="claimed_by",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                max_length=600,
                verbose_name="unverified sender",
            ),
        ),
    ]
