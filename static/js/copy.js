// <button data-copy="text" data-copied="Copied" hidden>: copies, says so for two seconds. Without a script it stays hidden.
for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const place = button.querySelector("[data-copy-word]") || button;
  const before = place.textContent;
  place.setAttribute("aria-live", "polite");
  place.textContent = button.dataset.copied;
  setTimeout(() => (place.textContent = before), 2000);
});
