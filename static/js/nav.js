// The tab of the page that is shown is in view, where the bar is too narrow for all of them.
const nav = document.querySelector(".gg-nav");
const here = nav?.querySelector("[aria-current]");
if (here) {
  const [bar, tab] = [nav.getBoundingClientRect(), here.getBoundingClientRect()];
  if (tab.left < bar.left || tab.right > bar.right) nav.scrollLeft += tab.left - bar.left - (bar.width - tab.width) / 2;
}
