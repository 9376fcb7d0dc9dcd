// Comforts of the report form; without them it works as a plain form.
import { categoryBox } from "./categories.js";

const form = document.querySelector("[data-report]");

function locate(button, words) {
  button.hidden = false;
  button.addEventListener("click", () => {
    words.textContent = gettext("正在定位…");
    button.disabled = true;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        form.elements.lon.value = coords.longitude.toFixed(6);
        form.elements.lat.value = coords.latitude.toFixed(6);
        form.elements.accuracy_m.value = Math.round(coords.accuracy);
        form.elements.lat.dispatchEvent(new Event("change", { bubbles: true }));
        words.textContent = interpolate(gettext("已定位，误差约 %(m)s 米"), { m: Math.round(coords.accuracy) }, true);
        button.disabled = false;
      },
      (error) => {
        words.textContent = error.code === 1 ? gettext("没有定位权限，请手工填写坐标或部件码。") : gettext("定位失败，请重试或手工填写。");
        button.disabled = false;
      },
      { enableHighAccuracy: true, timeout: 10000 },
    );
  });
}

if (form) {
  // where the category is known already, only the search stands behind "another category"
  const chosen = form.querySelector("[data-chosen]");
  categoryBox(form.elements.category, JSON.parse(form.dataset.categories), { beside: !chosen });
  form.elements.category.addEventListener("change", ({ target }) => {
    if (chosen) chosen.textContent = target.selectedOptions[0]?.label ?? "";
  });
  const button = form.querySelector("[data-locate]");
  if (button && "geolocation" in navigator) locate(button, form.querySelector("[data-locate-words]"));
}
