// What can be reached by the keyboard, in reading order, and what has the focus now?
() => {
  const active = document.activeElement;
  const controls = [...document.querySelectorAll("a[href], button, select, input, textarea, summary")]
    .filter((element) => element.type !== "hidden" && element.checkVisibility());
  const place = (element) => element.getBoundingClientRect().top + scrollY;
  const style = getComputedStyle(active);
  return {
    at: controls.indexOf(active),
    controls: controls.length,
    ordered: controls.every((each, n) => n === 0 || place(controls[n - 1]) <= place(each) + 1),
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    visible: style.outlineColor !== "rgba(0, 0, 0, 0)",
  };
}
