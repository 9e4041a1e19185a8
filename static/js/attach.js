// [data-attach]: files can be dropped on its form and pasted into it, are listed, and can be taken off again. What is too
// large or too many is said before anything is sent, and that they would be lost before one leaves; the server has the
// last word. Without this script the field works, too.
const number = (value, more) => new Intl.NumberFormat(document.documentElement.lang, more).format(value);

for (const place of document.querySelectorAll("[data-attach]")) {
  const field = place.querySelector("input[type=file]");
  const list = place.querySelector("[data-attach-list]");
  const fault = place.querySelector("[data-attach-fault]");
  const form = field.form;
  let chosen = [];

  // In the server's words for the size of a file that it has: "1.0 KB".
  const inWords = (bytes) => {
    if (bytes < 1024) return number(bytes, { style: "unit", unit: "byte", unitDisplay: "long" });
    const [power, like] = bytes < 1024 ** 2 ? [1, place.dataset.kilobyte] : [2, place.dataset.megabyte];
    const shown = number(bytes / 1024 ** power, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    return like.replace(/^[\d.,]+/, shown);
  };

  const show = () => {
    const transfer = new DataTransfer();
    for (const file of chosen) transfer.items.add(file);
    field.files = transfer.files;
    list.hidden = !chosen.length;
    list.replaceChildren(...chosen.map(row));
  };

  const row = (file) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    const size = document.createElement("span");
    const remove = document.createElement("button");
    name.textContent = file.name;
    name.className = "sf-clip";
    size.textContent = inWords(file.size);
    size.className = "sf-soft sf-small";
    remove.type = "button";
    remove.className = "btn btn-quiet btn-sm";
    remove.textContent = place.dataset.sayRemove;
    remove.setAttribute("aria-label", `${place.dataset.sayRemove}: ${file.name}`);
    remove.addEventListener("click", () => {
      chosen = chosen.filter((other) => other !== file);
      fault.textContent = "";
      show();
      field.focus();
    });
    item.append(name, size, remove);
    return item;
  };

  const add = (files) => {
    fault.textContent = "";
    for (const file of files) {
      if (file.size > Number(place.dataset.largest)) {
        fault.textContent = place.dataset.sayLarge.replace("{name}", file.name);
      } else if (chosen.length >= Number(place.dataset.most)) {
        fault.textContent = place.dataset.sayMany;
      } else {
        chosen.push(file);
      }
    }
    show();
  };

  field.addEventListener("change", () => add([...field.files]));

  form.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    add(files);
  });

  // No page can keep files for the next one: whoever leaves without sending them is asked first.
  let sending = false;
  form.addEventListener("submit", (event) => (sending = !event.defaultPrevented));
  window.addEventListener("pageshow", () => (sending = false));
  window.addEventListener("beforeunload", (event) => {
    if (chosen.length && !sending) event.preventDefault();
  });

  const carriesFiles = (event) => [...event.dataTransfer.types].includes("Files");
  form.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    form.dataset.drop = place.dataset.sayDrop;
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) delete form.dataset.drop;
  });
  form.addEventListener("drop", (event) => {
    delete form.dataset.drop;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    add([...event.dataTransfer.files]);
  });

  place.classList.add("is-scripted");
  place.querySelector("[data-attach-hint]").hidden = false;
}
