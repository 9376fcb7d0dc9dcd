// What Django's choices lack: the box in which one types has the name of its field. The boxes are made by a script of
// Django's own, before or after this one.
function named(select) {
  const name = document.querySelector(`label[for="${CSS.escape(select.id)}"]`)?.textContent.trim().replace(/[:：]$/, "");
  const box = select.nextElementSibling;
  if (!name || !box?.classList.contains("select2")) return;
  for (const part of box.querySelectorAll(".select2-selection, .select2-selection__rendered, .select2-search__field")) {
    part.removeAttribute("aria-labelledby");
    part.setAttribute("aria-label", name);
  }
}

for (const select of document.querySelectorAll("select.admin-autocomplete")) {
  named(select);
  new MutationObserver(() => named(select)).observe(select.parentElement, { childList: true });
}
