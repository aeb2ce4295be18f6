// What fingers, a mouse and its wheel do to the picture: move it, pinch it, drag the line, pick a pixel.

const NEAR = 10;  // CSS px from the line, within which it is dragged
const FAR = 4;  // CSS px of a move, up to which it is a click
const NOTCH = 50;  // of a wheel, for a factor of two

export function listen(canvas, viewer) {
  const fingers = new Map();  // places of those that are down, by pointer
  let gesture = null;

  function onLine(x) {
    const box = canvas.getBoundingClientRect();
    return Math.abs(x - box.left - viewer.divider * box.width) < NEAR;
  }

  function begin(far) {  // anew with each finger that comes or goes
    const at = middle(fingers);
    if (at) gesture = { at, spread: spread(fingers), zoom: viewer.zoom, centre: viewer.centre, far };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !viewer.size || fingers.size > 1) return;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.setPointerCapture(event.pointerId);
    begin(fingers.size > 1);
    gesture.line = fingers.size === 1 && onLine(event.clientX);
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!fingers.size) canvas.style.cursor = onLine(event.clientX) ? "ew-resize" : "";
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const at = middle(fingers), move = at.map((each, n) => each - gesture.at[n]);
    gesture.far ||= Math.hypot(...move) > FAR;
    if (gesture.line) {
      const box = canvas.getBoundingClientRect();
      viewer.setDivider((event.clientX - box.left) / box.width);
    } else if (gesture.far) {
      const grown = gesture.spread ? Math.log2(spread(fingers) / gesture.spread) : 0;
      viewer.moveTo(gesture, gesture.zoom + grown, at);
    }
  });

  function leave(event) {
    const clicked = fingers.delete(event.pointerId) && !gesture.far && !gesture.line && event.type === "pointerup";
    if (clicked) viewer.click([event.clientX, event.clientY]);
    begin(true);
  }
  canvas.addEventListener("pointerup", leave);
  canvas.addEventListener("pointercancel", leave);

  let turned = 0;
  canvas.addEventListener("wheel", (event) => {
    if (!viewer.size) return;
    event.preventDefault();
    turned += event.deltaY * (event.deltaMode ? 30 : 1);
    if (Math.abs(turned) < NOTCH) return;
    viewer.step(-Math.sign(turned), [event.clientX, event.clientY]);
    turned = 0;
  }, { passive: false });
}

function middle(fingers) {
  const places = [...fingers.values()];
  return places.length ? [0, 1].map((n) => places.reduce((sum, place) => sum + place[n], 0) / places.length) : null;
}

function spread(fingers) {  // between two of them, px; 0 of one
  const [a, b] = fingers.values();
  return b ? Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1])) : 0;
}
