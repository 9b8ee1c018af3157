// Runs in a page whose frames hold emails; writes what it measured into the element `measured`.
"use strict";

const ENOUGH = 4.5; // WCAG 2.2, success criterion 1.4.3
const WHITE = [255, 255, 255, 1];

function parts(color) {
  const numbers = color.match(/[\d.]+/g).map(Number);
  return numbers.length === 3 ? [...numbers, 1] : numbers;
}

function over(top, bottom) {
  const share = top[3];
  return [0, 1, 2].map((at) => top[at] * share + bottom[at] * (1 - share)).concat(1);
}

function luminance(color) {
  const [red, green, blue] = color.slice(0, 3).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function styleOf(element) {
  return element.ownerDocument.defaultView.getComputedStyle(element);
}

function behind(element) {
  const layers = [];
  for (let each = element; each; each = each.parentElement) {
    layers.push(parts(styleOf(each).backgroundColor));
  }
  return layers.reverse().reduce((bottom, top) => over(top, bottom), WHITE);
}

function shown(element) {
  for (let each = element; each; each = each.parentElement) {
    const style = styleOf(each);
    if (style.display === "none" || style.opacity === "0" || style.visibility === "hidden") return false;
  }
  return true;
}

function texts(body) {
  const walker = body.ownerDocument.createTreeWalker(body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.textContent.trim() && shown(node.parentElement)) found.push(node);
  }
  return found;
}

function right(node) {
  const range = node.ownerDocument.createRange();
  range.selectNodeContents(node);
  return Math.ceil(range.getBoundingClientRect().right);
}

function measure(page) {
  const found = texts(page.body);
  const poor = [];
  for (const node of found) {
    const ground = behind(node.parentElement);
    const ink = over(parts(styleOf(node.parentElement).color), ground);
    const ratio = contrast(ink, ground);
    if (ratio < ENOUGH) poor.push(`${node.textContent.trim()}: ${ink} on ${ground}, ${ratio.toFixed(2)}`);
  }
  return {
    // Words may also be cut off by a frame that hides what overflows, without any scrolling.
    wide: Math.max(page.documentElement.scrollWidth, ...found.map(right)),
    words: found.length,
    background: styleOf(page.body).backgroundColor,
    poor,
  };
}

window.addEventListener("load", () => {
  const measured = {};
  for (const frame of document.querySelectorAll("iframe")) {
    measured[frame.name] = measure(frame.contentDocument);
  }
  document.getElementById("measured").textContent = JSON.stringify(measured);
});
