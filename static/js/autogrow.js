// <textarea data-autogrow> is as high as its text, up to half the window.
const grow = (area) => {
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight + 2, innerHeight / 2)}px`;
};

if (!CSS.supports("field-sizing", "content")) {
  document.addEventListener("input", (event) => {
    if (event.target.matches("textarea[data-autogrow]")) grow(event.target);
  });
  for (const area of document.querySelectorAll("textarea[data-autogrow]")) if (area.value) grow(area);
}
