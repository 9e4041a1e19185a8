// Tells Tabler the theme before the first paint. The colours follow `color-scheme` in tokens.css even without this.
(() => {
  const page = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = page.dataset.theme;
    page.dataset.bsTheme = chosen === "dark" || (chosen !== "light" && dark.matches) ? "dark" : "light";
  };
  apply();
  dark.addEventListener("change", apply);
})();
