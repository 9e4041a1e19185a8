// After a refused form the focus is on the first field in fault, or on the summary if no field is.
const fault = document.querySelector("main [aria-invalid='true']");
const summary = document.querySelector("[data-fault]");

if (fault) {
  fault.focus();
} else if (summary) {
  summary.tabIndex = -1;
  summary.focus();
}
