/** Gaps between the items of flex containers, which Chromium 80 and Safari 14.0 lack. web.css has margins for them. */

/** Set the class `no-gap` on an element of the document if the engine lacks gaps. @param {Element} top */
export function mendGaps(top) {
  const probe = document.createElement("div");
  probe.style.cssText = "display:flex;flex-direction:column;row-gap:1px;position:absolute";
  probe.append(document.createElement("div"), document.createElement("div"));
  top.append(probe);
  top.classList.toggle("no-gap", probe.offsetHeight === 0);
  probe.remove();
}
