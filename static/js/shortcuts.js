// The keys of docs/interface.md. A page says what they do: data-key="t" on a link or control is followed or focused,
// data-row-key="i" likewise in the row one stands on, data-go="q" is reached by g then q; rows are .sf-queue tbody tr.
// They are silent while one types. Whoever has switched them off in the profile does not get this script.
const rows = () => [...document.querySelectorAll(".sf-queue tbody tr")];
const current = () => document.querySelector(".sf-queue tr.is-current");
let going = 0;

const typing = (target) => target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
  (target.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(target.type));

const visit = (row) => {
  if (!row) return;
  current()?.classList.remove("is-current");
  row.classList.add("is-current");
  row.querySelector("a.sf-subject")?.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
};

const move = (step) => {
  const all = rows();
  visit(all[Math.max(0, Math.min(all.length - 1, all.indexOf(current()) + step))]);
};

const pick = (range) => {
  const box = current()?.querySelector(".sf-pick input");
  box?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: range }));
};

const use = (element) => {
  if (!element) return false;
  if (element.matches("input:not([type=radio], [type=checkbox]), textarea, select")) element.focus();
  else element.click();
  // One goes on in what has unfolded.
  if (element.matches("summary") && element.parentElement.open) {
    (element.parentElement.querySelector("select, textarea, input:not([type=hidden])") ?? element).focus();
  }
  if (element.dataset.then) document.getElementById(element.dataset.then)?.focus();
  return true;
};

const named = (attribute, key) => document.querySelector(`[${attribute}="${CSS.escape(key)}"]`);

const inRow = (key) => current()?.querySelector(`[data-row-key="${CSS.escape(key)}"]`);

const keys = {
  j: () => move(1),
  k: () => move(-1),
  x: () => pick(false),
  X: () => pick(true),
  "/": () => document.getElementById("search")?.focus(),
  "?": () => document.getElementById("shortcuts")?.togglePopover(),
  g: () => (going = Date.now()),
};

// On a Russian keyboard the keys are where they are: the letter is the one that is printed in Latin.
const pressed = ({ key, code, shiftKey }) => {
  if (/^[\u0400-\u04ff]$/.test(key) && /^Key[A-Z]$/.test(code)) return shiftKey ? code[3] : code[3].toLowerCase();
  if (code === "Slash" && (key === "." || key === ",")) return shiftKey ? "?" : "/";
  return key;
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target.id === "search") event.target.blur();
  if (typing(event.target)) return;
  const after = going && Date.now() - going < 1500;
  going = 0;
  const key = pressed(event);
  if (after ? use(named("data-go", key)) : keys[key]) {
    event.preventDefault();
    if (!after) keys[key]();
  } else if (use(inRow(key)) || use(named("data-key", key))) {
    event.preventDefault();
  }
});
