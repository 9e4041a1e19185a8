"""Text that would like to be a program: Chromium shows it, on every page, and runs none of it."""

import pytest
from django.urls import reverse

from accounts.models import User
from tests.browser.chromium import Opens
from tests.factories import opened, stand, web
from tests.test_hostile_input import corpus
from tickets import actions
from tickets.models import Service, Ticket

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ALARM = "['alert', 'confirm', 'prompt'].forEach((name) => { window[name] = () => { window.ran = name } })"
OURS = [
    "<script>window.ran = 'script'</script>",
    "<img src=x onerror=\"window.ran = 'image'\">",
    '"><svg onload="window.ran = \'svg\'">',
    "</textarea><script>window.ran = 'textarea'</script>",
    "</title><script>window.ran = 'title'</script>",
    "' autofocus onfocus='window.ran = \"focus\"' x='",
    "[a link](javascript:window.ran='link')",
    "![an image](x\" onerror=\"window.ran='markdown')",
    "<a href=\"java\tscript:window.ran='tab'\">a link</a>",
    "{{constructor.constructor('window.ran=1')()}}",
    "<meta http-equiv=refresh content='0;url=javascript:window.ran=1'>",
    "<base href=//evil.example>",
    "<style>@import '//evil.example/x.css'</style><b style='position:fixed;inset:0'>",
    "<form action=//evil.example><button>",
]
# What no text may have become inside the page: more than words, or words that lead elsewhere.
INTRUDERS = (
    "main :is(script, iframe, object, embed, style, base, meta, link), "
    "main [style], main :is([onerror], [onload], [onclick], [onfocus], [onmouseover]), "
    "main a:is([href^='javascript:' i], [href^='data:' i]:not([download]), [href^='vbscript:' i]), "
    "main .sf-markdown :is(form, input, button, img, svg, video, audio)"
)


def test_no_text_becomes_a_program(
    window: Opens, agent: User, employee: User, admin: User, service: Service
) -> None:
    texts = [*OURS, *(text for text in corpus() if "<" in text or "javascript" in text)]
    assert len(texts) > 100
    for text in [text for text in texts if 3 <= len(" ".join(text.split())) <= 255 and text.isprintable()]:
        opened(by=employee, service=service, title=text, description=text)
    # One ticket that has all of it, in every kind of text there is.
    everything = "\n\n".join(texts)[:19_000].replace("\0", "")
    ticket = stand(
        opened(by=employee, service=service, title=texts[0], description=everything),
        "IN_PROGRESS",
        assignee=agent,
    )
    actions.add_comment(ticket, body=everything, by=web(employee))
    actions.add_comment(ticket, body=everything, internal=True, by=web(agent))
    User.objects.filter(pk=employee.pk).update(full_name=OURS[1])
    service.name_en, service.description_en = OURS[0][:100], OURS[2]
    service.save()

    public_id = ticket.public_id
    visits = {
        agent: [
            *(
                f"{reverse('tickets:queue')}?view=all&ordering={order}"
                for order in ("number", "-number", "priority")
            ),
            reverse("tickets:queue") + "?q=%3Cscript%3Ewindow.ran%3D1%3C%2Fscript%3E",
            reverse("tickets:queue") + "?ordering=%22%3E%3Cimg+src%3Dx+onerror%3D%22window.ran%3D1%22%3E",
            reverse("tickets:detail", args=[public_id]),
            reverse("tickets:history", args=[public_id]),
            reverse("tickets:new") + "?title=%22+autofocus+onfocus%3D%22window.ran%3D1",
        ],
        employee: [
            reverse("tickets:start"),
            reverse("tickets:detail", args=[public_id]),
            reverse("accounts:profile"),
        ],
        admin: [
            reverse("admin:tickets_ticket_changelist"),
            reverse("admin:tickets_ticket_change", args=[ticket.pk]),
            reverse("admin:accounts_user_change", args=[employee.pk]),
            reverse("admin:tickets_service_change", args=[service.pk]),
            reverse("admin:audit_event_changelist"),
        ],
    }
    shown = Ticket.objects.count()
    assert shown > 50
    for person, addresses in visits.items():
        one = window()
        one.context.add_init_script(ALARM)
        one.sign_in(person)
        for address in addresses:
            assert one.open(address) in {200, 400}, address
            one.page.wait_for_load_state("networkidle")
            assert one.page.evaluate("window.ran ?? null") is None, address
            if not address.startswith("/admin/"):
                intruders = one.page.locator(INTRUDERS)
                assert intruders.evaluate_all("(all) => all.map((one) => one.outerHTML)") == [], address
    # And nothing was kept from running by the policy alone: see the fixture `window`.
