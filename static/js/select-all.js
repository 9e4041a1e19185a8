// The checkbox data-select-all="name" picks every box of that name; a click with Shift picks a range. [data-selected] says how many.
const boxes = (name) => [...document.querySelectorAll(`input[type=checkbox][name="${name}"]`)];
let last = null;

const tell = (name) => {
  const all = boxes(name);
  const picked = all.filter((box) => box.checked).length;
  for (const head of document.querySelectorAll(`[data-select-all="${name}"]`)) {
    head.checked = picked > 0 && picked === all.length;
    head.indeterminate = picked > 0 && picked < all.length;
  }
  for (const place of document.querySelectorAll("[data-selected]")) place.textContent = picked;
};

document.addEventListener("click", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || box.type !== "checkbox") return;
  const name = box.dataset.selectAll || box.name;
  const all = boxes(name);
  if (box.dataset.selectAll) {
    for (const other of all) other.checked = box.checked;
  } else if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const other of all.slice(from, to + 1)) other.checked = box.checked;
  }
  if (!box.dataset.selectAll) last = box;
  tell(name);
});

for (const head of document.querySelectorAll("[data-select-all]")) {
  head.closest("label").hidden = false;
  tell(head.dataset.selectAll);
}
