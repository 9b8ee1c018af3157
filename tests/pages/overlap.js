// Which texts cover each other, or are cut off, once all letters are twice as large?
() => {
  document.documentElement.style.fontSize = "200%";
  const controls = new Set(["SELECT", "TEXTAREA", "INPUT"]);
  const words = (element) => [...element.childNodes].filter(
    (node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const shown = [...document.querySelectorAll("body *")].filter((element) =>
    element.tagName !== "OPTION" && element.checkVisibility() &&
    (controls.has(element.tagName) || words(element).length));
  const lines = (element) => {
    if (controls.has(element.tagName)) return [...element.getClientRects()];
    const range = document.createRange();
    return words(element).flatMap((node) => (range.selectNode(node), [...range.getClientRects()]));
  };
  const covers = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const spills = (element) => getComputedStyle(element).display !== "inline" &&
    !controls.has(element.tagName) &&
    (element.scrollWidth > element.clientWidth + 2 || element.scrollHeight > element.clientHeight + 2);
  const name = (element) => `${element.tagName.toLowerCase()} “${element.innerText.slice(0, 30)}”`;
  const placed = shown.map((element) => [element, lines(element)]);
  const faults = shown.filter(spills).map((element) => `${name(element)} is cut off`);
  placed.forEach(([first, its], at) => {
    for (const [second, others] of placed.slice(at + 1))
      if (!first.contains(second) && its.some((a) => others.some((b) => covers(a, b))))
        faults.push(`${name(first)} and ${name(second)} overlap`);
  });
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth)
    faults.push("the page scrolls sideways");
  return faults;
}
