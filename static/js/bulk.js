// A key for many tickets (a, s, p) pressed while none is selected means the row one stands on.
const form = document.getElementById("bulk");

form?.addEventListener("formdata", (event) => {
  const box = document.querySelector(".sf-queue tr.is-current .sf-pick input");
  if (box && !event.formData.has("ticket")) event.formData.append("ticket", box.value);
});
