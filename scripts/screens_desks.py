"""The desks in each of their states: pictures of the workbench, of cases and of tickets."""

from scripts.screens_steps import (
    PAPER,
    PHONE,
    SMALL,
    Scene,
    Screen,
    Shot,
    Step,
    aborted,
    again,
    answered,
    by_colleague,
    clicked,
    filled,
    held_up,
    offline,
    opened,
    photo,
    pressed,
    row,
    seen,
    sent,
    signed_out,
    steps,
    typed,
)


def _attached(words: str = "after") -> Step:
    return lambda s: s.page.locator("[name=attachments]").first.set_input_files(photo(words))


def _wrong_file(scene: Scene) -> None:
    wrong = {"name": "说明.txt", "mimeType": "text/plain", "buffer": b"text"}
    scene.page.locator("[name=attachments]").first.set_input_files([photo("after"), wrong])


_REJECT = steps(
    row("{reported}"),
    pressed("x"),
    lambda s: s.page.locator("#act-reject select").first.select_option(index=1),
    filled("#act-reject textarea", "地点不清，回拨两次无人接听。"),
)
_NEW_CASE = steps(
    filled("[name=reporter_phone]", "13900001234"),
    filled("[name=reporter_name]", "王女士"),
    clicked("[data-category] input"),
    typed("ld"),
    seen("[role=option]"),
    lambda s: s.page.keyboard.press("Enter"),
    filled("[name=description]", "小区门口两盏路灯不亮，晚上看不清路。"),
    opened("details.gg-nmore"),
    lambda s: s.page.locator("[name=lon]").fill("103.64547"),
    lambda s: s.page.locator("[name=lat]").fill("36.06713"),
    lambda s: s.page.locator("[name=lat]").blur(),
    seen("[data-deadlines] li, [data-deadlines] tr, [data-deadlines] dt"),
)

WORKBENCH = Screen(
    "Workbench",
    [
        Shot("workbench", "full: queue, map and case", "supervisor", "/work/supervise/"),
        Shot("workbench-accept", "the acceptor's desk", "acceptor", "/work/accept/", do=row("{reported}")),
        Shot("workbench-file", "the duty chief's desk", "duty_chief", "/work/file/"),
        Shot(
            "workbench-dispatch",
            "dispatch: handler proposed with the reason",
            "dispatcher",
            "/work/dispatch/",
            do=clicked("#act-dispatch summary"),
        ),
        Shot("workbench-verify", "the verifier's desk", "verifier", "/work/verify/"),
        Shot("workbench-en", "English", "supervisor", "/work/supervise/", language="en"),
        Shot(
            "workbench-1024",
            "small desk: the map is behind its button",
            "acceptor",
            "/work/accept/",
            SMALL,
            row("{reported}"),
        ),
        Shot(
            "workbench-1024-map",
            "small desk: the map",
            "acceptor",
            "/work/accept/",
            SMALL,
            clicked("[data-map-toggle]"),
        ),
        Shot("workbench-phone", "phone: the queue", "supervisor", "/work/supervise/", PHONE),
        Shot("workbench-case-phone", "phone: the case", "acceptor", "/work/accept/", PHONE, row("{reported}")),
        Shot("workbench-empty", "nothing fits the filter", "acceptor", "/work/accept/?overdue=1&category=C0101"),
        Shot(
            "workbench-loading",
            "the case is being read",
            "acceptor",
            "/work/accept/",
            do=steps(held_up(r"/cases/\w+/$"), again, seen(".gg-state-loading")),
        ),
        Shot(
            "workbench-failed",
            "the case cannot be read",
            "acceptor",
            "/work/accept/",
            do=steps(aborted(r"/cases/\w+/$"), again, seen(".gg-state-failed")),
        ),
        Shot(
            "workbench-forbidden",
            "the case is not for this person",
            "acceptor",
            "/work/accept/",
            do=steps(answered(r"/cases/\w+/$", 403), again, seen(".gg-state-forbidden")),
        ),
        Shot(
            "workbench-map-failed",
            "the map cannot be had",
            "acceptor",
            "/work/accept/",
            do=steps(aborted(r"/map/areas/"), again, seen(".gg-map-state button")),
        ),
        Shot(
            "workbench-cut",
            "line cut: since when, and nothing is lost",
            "acceptor",
            "/work/accept/",
            do=steps(row("{reported}"), offline, seen(".gg-lamp", "（")),
        ),
        Shot(
            "workbench-claimed",
            "claimed by me",
            "acceptor",
            "/work/accept/",
            do=steps(row("{waiting[1]}"), pressed("c"), seen("[data-mine]")),
        ),
        Shot(
            "workbench-claimed-other",
            "claimed by a colleague",
            "acceptor",
            "/work/accept/",
            do=steps(
                by_colleague("acceptor_2", "/work/accept/", row("{waiting[2]}"), pressed("c"), seen("[data-mine]")),
                row("{waiting[2]}"),
                seen(".gg-lease-other"),
            ),
        ),
        Shot(
            "workbench-seize",
            "a supervisor takes over, with a reason",
            "supervisor",
            "/work/supervise/",
            do=steps(row("{waiting[2]}"), clicked(".gg-seize summary"), seen("[data-seize-reason]")),
        ),
        Shot(
            "workbench-keys",
            "the sheet of keys",
            "acceptor",
            "/work/accept/",
            do=steps(pressed("?"), seen("[data-keys]")),
        ),
        Shot(
            "workbench-command",
            "command line: by initials",
            "acceptor",
            "/work/accept/",
            do=steps(pressed("/"), typed("ld"), seen("[data-palette] [role=option]")),
        ),
        Shot(
            "workbench-command-none",
            "command line: nothing found",
            "acceptor",
            "/work/accept/",
            do=steps(pressed("/"), typed("zzzzqq"), seen("[data-palette] li")),
        ),
        Shot("workbench-views", "saved views", "acceptor", "/work/accept/", do=clicked(".gg-views summary")),
        Shot(
            "workbench-texts",
            "canned texts of the step",
            "acceptor",
            "/work/accept/",
            do=steps(row("{reported}"), pressed("x", "Escape", "t"), seen("[role=menuitem]")),
        ),
        Shot(
            "workbench-compare",
            "possible twins beside each other",
            "acceptor",
            "/work/accept/",
            do=steps(row("{twin}"), pressed("m"), seen("[data-compare-dialog][open]")),
        ),
        Shot(
            "workbench-bulk",
            "many at once: tried, not done",
            "acceptor",
            "/work/accept/",
            do=steps(
                clicked("[data-pick]"),
                clicked("[data-bulk-all]"),
                clicked("[data-bulk=accept]"),
                seen("[data-bulk-dialog]", "试算："),
            ),
        ),
        Shot(
            "workbench-new",
            "new cases wait; nothing moves",
            "acceptor",
            "/work/accept/",
            do=steps(
                seen("[data-state=live]"),
                by_colleague("acceptor_2", "/report/", _NEW_CASE, clicked("[data-save]"), seen(".gg-number")),
                seen(".gg-slot-new:not([hidden])", "有"),
            ),
        ),
        Shot(
            "workbench-lost",
            "somebody was faster: who, when, what; one's words stay",
            "acceptor",
            "/work/accept/",
            do=steps(
                _REJECT,
                by_colleague(
                    "acceptor_2", "/work/accept/", row("{reported}"), pressed("a"), seen(".gg-toasts", "已完成")
                ),
                clicked("#act-reject form .gg-actions button"),
                seen("[data-panel] [role=alert]"),
            ),
        ),
        Shot(
            "workbench-undo",
            "done, and may be taken back",
            "dispatcher",
            "/work/dispatch/",
            do=steps(pressed("d", "Control+Enter"), seen(".gg-toasts", "已完成")),
        ),
        Shot(
            "workbench-signed-out",
            "login expired: what was typed is kept",
            "acceptor",
            "/work/accept/",
            do=steps(
                pressed("n"),
                typed("已联系社区，下午到场。"),
                signed_out,
                lambda s: s.page.keyboard.press("Control+Enter"),
                seen(".gg-toasts", "登录已过期"),
            ),
        ),
    ],
)

CASES = Screen(
    "Lists, cases, new cases",
    [
        Shot("queue", "the list", "supervisor", "/queue/supervise/"),
        Shot("queue-phone", "phone", "supervisor", "/queue/supervise/", PHONE),
        Shot("queue-empty", "nothing fits the filter", "acceptor", "/queue/accept/?overdue=1&category=C0101"),
        Shot("queue-en", "English", "supervisor", "/queue/supervise/", language="en"),
        Shot("approve", "requests that wait for a decision", "dispatcher", "/queue/approve/"),
        Shot("approve-empty", "none of them is overdue", "dispatcher", "/queue/approve/?overdue=1"),
        Shot("new-case", "hotline desk: empty", "acceptor", "/report/"),
        Shot(
            "new-case-wrong",
            "what is missing; all that was typed stays",
            "acceptor",
            "/report/",
            do=steps(filled("[name=description]", "没有选类别"), clicked("[data-save]"), seen(".gg-nform .gg-bad")),
        ),
        Shot("new-case-filled", "place found, twins listed, deadlines foretold", "acceptor", "/report/", do=_NEW_CASE),
        Shot("new-case-phone", "phone", "acceptor", "/report/", PHONE),
        Shot("new-case-en", "English", "acceptor", "/report/", language="en", do=_NEW_CASE),
        Shot("report-phone", "worker's report", "grid_worker", "/report/", PHONE, whole=True),
        Shot(
            "report-wrong-phone", "what is missing", "grid_worker", "/report/", PHONE, sent("[data-report]"), whole=True
        ),
        Shot("case", "in hand", "department_handler", "/cases/{handling}/"),
        Shot(
            "case-whole",
            "closed: before and after, tickets, clocks, journal",
            "duty_chief",
            "/cases/{walked}/",
            whole=True,
        ),
        Shot("case-why", "why it is due then", "supervisor", "/cases/{handling}/", do=opened(".gg-why")),
        Shot("case-act", "a step with its form", "dispatcher", "/cases/{returned}/", do=opened(".gg-act")),
        Shot("case-phone", "phone", "department_handler", "/cases/{handling}/", PHONE),
        Shot("case-en", "English", "supervisor", "/cases/{handling}/", language="en"),
        Shot(
            "case-print",
            "on paper",
            "duty_chief",
            "/cases/{walked}/",
            PAPER,
            lambda s: s.page.emulate_media(media="print"),
            whole=True,
        ),
        Shot(
            "case-none", "no such case, or not for this person", "verifier", "/cases/62010000000000000000/", status=404
        ),
        Shot("compare", "two cases compared", "acceptor", "/cases/{twin}/compare/{twin_of}/"),
        Shot("tasks-phone", "worker's tasks", "grid_worker", "/tasks/", PHONE),
        Shot("tasks", "worker's tasks at a desk", "grid_worker", "/tasks/"),
        Shot("notices", "what one was told", "supervisor", "/notices/"),
        Shot("notices-empty", "nothing yet", "audit_admin", "/notices/"),
    ],
)

DEPARTMENT = Screen(
    "Department",
    [
        Shot("inbox", "tickets", "department_handler", "/inbox/"),
        Shot("inbox-ticket", "a ticket: evidence owed, rules at the side", "department_handler", "/inbox/{handling}/"),
        Shot(
            "inbox-ready",
            "all evidence is there",
            "department_handler",
            "/inbox/{handling}/",
            do=steps(_attached(), seen(".gg-dfile", "已上传"), filled("#feedback textarea", "已更换光源，恢复照明。")),
        ),
        Shot(
            "inbox-refused",
            "a file that is not taken",
            "department_handler",
            "/inbox/{handling}/",
            do=steps(_wrong_file, seen('.gg-dfile[data-state="rejected"]')),
        ),
        Shot(
            "inbox-broken",
            "line broke while uploading",
            "department_handler",
            "/inbox/{handling}/",
            do=steps(aborted("/api/v1/attachments/"), _attached(), seen(".gg-dfile", "网络中断")),
        ),
        Shot(
            "inbox-return",
            "asking to give it back",
            "department_handler",
            "/inbox/{handling}/",
            do=steps(
                clicked('.gg-dbar a[href="#act-return"], .gg-dbar a'), seen("#act-return[open], .gg-dother[open]")
            ),
        ),
        Shot("inbox-empty", "nothing in that tab", "department_handler", "/inbox/?tab=joint"),
        Shot(
            "inbox-failed",
            "a ticket cannot be read",
            "department_handler",
            "/inbox/",
            do=steps(aborted(r"/inbox/\w+/"), clicked("[data-open]"), seen(".gg-state-failed")),
        ),
        Shot("inbox-phone", "phone: tickets", "department_handler", "/inbox/", PHONE),
        Shot("inbox-ticket-phone", "phone: a ticket", "department_handler", "/inbox/{handling}/", PHONE),
        Shot("inbox-en", "English", "department_handler", "/inbox/{handling}/", language="en"),
        Shot("inbox-none", "somebody without a department", "leader", "/inbox/"),
        Shot("appeals", "the department's appeals", "department_handler", "/appeals/"),
        Shot("appeals-waiting", "appeals that wait for the dispatcher", "dispatcher", "/appeals/"),
        Shot("appeal", "an appeal is written", "department_handler", "/appeals/case/{appeal_late}/"),
        Shot("appeal-granted", "an appeal that was granted", "dispatcher", "/appeals/{appeal_granted}/"),
        Shot("appeal-decide", "an appeal is decided", "dispatcher", "/appeals/{appeal_asked}/"),
        Shot("rulings", "cases that two departments gave back", "duty_chief", "/rulings/"),
        Shot("ruling", "both returns, the rules, the decision", "duty_chief", "/rulings/{returned}/", whole=True),
        Shot("ruling-phone", "phone", "duty_chief", "/rulings/{returned}/", PHONE, whole=True),
    ],
)
