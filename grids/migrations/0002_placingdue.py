import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('grids', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='PlacingDue',
            fields=[
                ('root', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='grids.area')),
                ('revision', models.PositiveBigIntegerField()),
            ],
        ),
    ]
