from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("common", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProcessReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20, verbose_name="种类")),
                ("host", models.CharField(max_length=60, verbose_name="主机")),
                ("pid", models.PositiveIntegerField(verbose_name="进程号")),
                ("began_at", models.DateTimeField(verbose_name="启动时间")),
                ("beat_at", models.DateTimeField(verbose_name="最近信号")),
                ("figures", models.JSONField(default=dict, verbose_name="数字")),
            ],
            options={
                "verbose_name": "进程",
                "verbose_name_plural": "进程",
                "ordering": ["kind", "host", "pid"],
                "constraints": [models.UniqueConstraint(fields=("kind", "host", "pid"), name="processreport_once")],
            },
        ),
        migrations.CreateModel(
            name="SlowStatement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(max_length=32, unique=True)),
                ("sql", models.TextField(verbose_name="语句")),
                ("place", models.CharField(blank=True, max_length=200, verbose_name="来处")),
                ("count", models.PositiveIntegerField(default=0, verbose_name="次数")),
                ("total_ms", models.FloatField(default=0, verbose_name="总耗时（毫秒）")),
                ("worst_ms", models.FloatField(default=0, verbose_name="最长耗时（毫秒）")),
                ("last_at", models.DateTimeField(verbose_name="最近一次")),
            ],
            options={
                "verbose_name": "慢语句",
                "verbose_name_plural": "慢语句",
                "ordering": ["-total_ms"],
            },
        ),
    ]
