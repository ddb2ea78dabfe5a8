// Zooms and moves the diagram of the flow: with its buttons, the keys +, -, 0 and the arrows, Ctrl and the wheel, and
// by dragging. The state is in the style of the root element, which live updates leave alone.
'use strict';

(() => {
  const main = document.getElementById('main');
  const tools = main && main.querySelector('.zoom');
  if (!tools) return;
  const root = document.documentElement;
  const level = tools.querySelector('output');
  const full = tools.querySelector('[data-zoom=full]');

  const SMALLEST = 0.5;
  const LARGEST = 4;
  const STEP = 1.25;
  // Pixels by which an arrow moves it.
  const MOVE = 80;
  // Pixels from which on a press is a drag, and no click.
  const DRAG = 5;

  let zoom = 1;
  let x = 0;
  let y = 0;

  const view = () => main.querySelector('.canvas');
  const isIn = (target) => target instanceof Element && target.closest('.canvas') !== null;
  const between = (least, value, most) => Math.min(most, Math.max(least, value));

  // Keeps the diagram in its frame, and shows it.
  function apply() {
    const frame = view();
    const drawn = frame && frame.querySelector('.strip');
    if (!drawn) return;
    const across = frame.clientWidth - drawn.offsetWidth * zoom;
    const down = frame.clientHeight - drawn.offsetHeight * zoom;
    x = between(Math.min(0, across), x, Math.max(0, across));
    y = between(Math.min(0, down), y, Math.max(0, down));
    const isZoomed = zoom !== 1 || x !== 0 || y !== 0;
    if (isZoomed) frame.scrollTo(0, 0);
    root.classList.toggle('zoomed', isZoomed);
    root.style.setProperty('--zoom', zoom);
    root.style.setProperty('--pan-x', `${x}px`);
    root.style.setProperty('--pan-y', `${y}px`);
    const text = `${Math.round(zoom * 100)} %`;
    if (level.textContent !== text) level.textContent = text;
  }

  // Zooms so that the point at these pixels of the frame stays; without a point its middle.
  function zoomBy(factor, point) {
    const frame = view();
    if (!frame) return;
    const at = point || { x: frame.clientWidth / 2, y: frame.clientHeight / 2 };
    let next = between(SMALLEST, zoom * factor, LARGEST);
    if (Math.abs(next - 1) < 0.05) next = 1;
    x = at.x - ((at.x - x) * next) / zoom;
    y = at.y - ((at.y - y) * next) / zoom;
    zoom = next;
    apply();
  }

  function reset() {
    const wasZoomed = root.classList.contains('zoomed');
    zoom = 1;
    x = 0;
    y = 0;
    apply();
    return wasZoomed;
  }

  // Moves it; false if it is at its end.
  function move(right, down) {
    const before = `${x} ${y}`;
    x += right;
    y += down;
    apply();
    return before !== `${x} ${y}`;
  }

  function toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else tools.closest('figure').requestFullscreen().catch(() => { full.hidden = true; });
  }

  const BUTTONS = { in: () => zoomBy(STEP), out: () => zoomBy(1 / STEP), reset, full: toggleFullScreen };
  const KEYS = {
    '+': BUTTONS.in,
    '=': BUTTONS.in,
    '-': BUTTONS.out,
    0: reset,
    // Without a zoom, the key is the browser's.
    Escape: reset,
    ArrowLeft: () => move(MOVE, 0),
    ArrowRight: () => move(-MOVE, 0),
    ArrowUp: () => move(0, MOVE),
    ArrowDown: () => move(0, -MOVE),
  };

  tools.hidden = false;
  full.hidden = !document.fullscreenEnabled;
  tools.addEventListener('click', (event) => {
    const button = event.target.closest('[data-zoom]');
    if (button) BUTTONS[button.dataset.zoom]();
  });
  main.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = isIn(event.target) || tools.contains(event.target) ? KEYS[event.key] : undefined;
    if (act && act() !== false) event.preventDefault();
  });
  main.addEventListener('wheel', (event) => {
    if (!event.ctrlKey || !isIn(event.target)) return;
    event.preventDefault();
    const box = view().getBoundingClientRect();
    const point = { x: event.clientX - box.left, y: event.clientY - box.top };
    zoomBy(event.deltaY < 0 ? STEP : 1 / STEP, point);
  }, { passive: false });
  document.addEventListener('fullscreenchange', () => {
    full.setAttribute('aria-pressed', String(document.fullscreenElement !== null));
    apply();
  });
  window.addEventListener('resize', apply);

  // ---- dragging -----------------------------------------------------------------------------

  let drag = null;

  main.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || !isIn(event.target) || !root.classList.contains('zoomed')) return;
    drag = { fromX: event.clientX, fromY: event.clientY, x, y, isMoving: false };
  });
  window.addEventListener('pointermove', (event) => {
    if (!drag) return;
    const right = event.clientX - drag.fromX;
    const down = event.clientY - drag.fromY;
    if (!drag.isMoving && Math.hypot(right, down) < DRAG) return;
    drag.isMoving = true;
    root.classList.add('panning');
    x = drag.x + right;
    y = drag.y + down;
    apply();
  });
  for (const end of ['pointerup', 'pointercancel']) {
    window.addEventListener(end, () => {
      root.classList.remove('panning');
      // The click that follows a drag opens no step.
      if (drag && drag.isMoving) {
        const ignore = (event) => { event.preventDefault(); event.stopPropagation(); };
        window.addEventListener('click', ignore, { capture: true, once: true });
        setTimeout(() => window.removeEventListener('click', ignore, { capture: true }));
      }
      drag = null;
    });
  }
  main.addEventListener('dragstart', (event) => {
    if (drag && isIn(event.target)) event.preventDefault();
  });

  // A step that gets the focus by the keyboard is moved into the frame.
  main.addEventListener('focusin', (event) => {
    const frame = view();
    if (!root.classList.contains('zoomed') || !isIn(event.target) || event.target === frame) return;
    if (!event.target.matches(':focus-visible')) return;
    frame.scrollTo(0, 0);
    const box = event.target.getBoundingClientRect();
    const around = frame.getBoundingClientRect();
    x += Math.max(0, around.left - box.left) - Math.max(0, box.right - around.right);
    y += Math.max(0, around.top - box.top) - Math.max(0, box.bottom - around.bottom);
    apply();
  });
})();
