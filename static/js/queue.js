// A key for many tickets (a, s, p) pressed while none is selected means the row one stands on.
document.getElementById("bulk")?.addEventListener("formdata", (event) => {
  const box = document.querySelector(".sf-queue tr.is-current .sf-pick input");
  if (box && !event.formData.has("ticket")) event.formData.append("ticket", box.value);
});

// On a narrow screen the views are one line to push sideways: begin with the one that is shown.
const views = document.querySelector(".sf-views");
const shown = views?.querySelector("[aria-current]");
if (shown) views.scrollLeft = shown.offsetLeft - views.offsetLeft - 8;
