// What of a page, as it is shown now, is wrong? Reads only; `axe` is there already.
async (rules) => {
  const found = await axe.run(document, { runOnly: rules, resultTypes: ["violations"], preload: false, iframes: false });
  const root = document.documentElement;
  return {
    violations: found.violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`)),
    checked: found.passes.length,
    sideways: Math.max(0, root.scrollWidth - root.clientWidth),
  };
}
