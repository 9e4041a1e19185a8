// [data-draft="person ticket"]: what is typed into this form stays in the tab while the other forms of the page are sent,
// and is forgotten once the form itself is. Whose it is stands in its name: nobody finds the words of whoever sat here before.
const form = document.querySelector("[data-draft]");

if (form) {
  const name = `draft ${form.dataset.draft}`;
  const area = form.querySelector("textarea");
  const readers = () => form.querySelector("[name=visibility]:checked")?.value ?? "public";

  const keep = () => {
    try {
      if (area.value.trim()) sessionStorage.setItem(name, JSON.stringify({ body: area.value, readers: readers() }));
      else sessionStorage.removeItem(name);
    } catch {
      // A browser that keeps nothing for pages loses it, as without this script.
    }
  };

  const kept = () => {
    try {
      return JSON.parse(sessionStorage.getItem(name));
    } catch {
      return null;
    }
  };

  const restore = () => {
    const draft = kept();
    if (!draft) return;
    const choice = form.querySelector(`[name=visibility][value=${CSS.escape(draft.readers)}]`);
    // A note must not become a reply because notes are no longer offered.
    if (!choice && draft.readers === "internal") return;
    if (choice) choice.checked = true;
    area.value = draft.body;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };

  // What the server has sent back with a fault is newer.
  if (area.value) keep();
  else restore();
  form.addEventListener("input", keep);
  form.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) sessionStorage.removeItem(name);
  });
}
