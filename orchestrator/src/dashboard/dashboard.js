// Keeps a page current. The server sends the whole content whenever it changes, and the script changes only what differs,
// so that focus, scroll position, selection and input stay. Without this script the pages work, but do not update.
'use strict';

(() => {
  const main = document.getElementById('main');
  const lag = document.getElementById('lag');
  const lost = document.getElementById('lost');
  const stale = document.getElementById('stale');
  if (!main || !lag || !lost || !stale) return;
  const still = main.querySelector('[data-still]') !== null;

  // ---- updating the content ---------------------------------------------------------------

  const same = (old, next) =>
    old.nodeType === next.nodeType && old.nodeName === next.nodeName && key(old) === key(next);
  const key = (node) => (node.nodeType === 1 ? node.getAttribute('data-row') || node.id || '' : '');
  const kept = (node) => (node.nodeType === 1 ? node.getAttribute('data-keep') : null);

  function attributes(old, next) {
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }

  function morph(old, next) {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
      return;
    }
    // A form or a section that the user has changed or opened stays while its data-keep is the same.
    if (kept(old) !== null && kept(old) === kept(next)) return;
    if (old.isEqualNode(next)) return;
    const open = old.nodeName === 'DETAILS' && old.open;
    attributes(old, next);
    if (open) old.open = true;
    children(old, next);
  }

  function children(old, next) {
    let place = old.firstChild;
    for (const wanted of [...next.childNodes]) {
      let found = place;
      // Search for a row that has moved, so that a new row above does not change all others.
      while (found && !same(found, wanted)) found = key(wanted) ? found.nextSibling : null;
      if (!found) {
        old.insertBefore(document.importNode(wanted, true), place);
        continue;
      }
      if (found !== place) old.insertBefore(found, place);
      else place = place.nextSibling;
      morph(found, wanted);
    }
    while (place) {
      const after = place.nextSibling;
      place.remove();
      place = after;
    }
  }

  function show(html) {
    const parsed = new DOMParser().parseFromString(`<main>${html}</main>`, 'text/html').querySelector('main');
    if (!parsed) return;
    localize(parsed);
    inPlace(document.activeElement, () => children(main, parsed));
  }

  // The browser keeps the topmost visible element in its place while content above it grows. The user looks at the focused
  // one: that stays, also when a text between the two grows by a line.
  function inPlace(focused, change) {
    const top = () => focused.getBoundingClientRect().top;
    const before = main.contains(focused) ? top() : null;
    const isVisible = before !== null && before >= 0 && before < window.innerHeight;
    document.documentElement.style.overflowAnchor = isVisible ? 'none' : '';
    change();
    if (isVisible && focused.isConnected) window.scrollBy({ top: top() - before, behavior: 'instant' });
  }

  // ---- times: in UTC, or in the browser's time zone ----------------------------------------

  const zone = document.getElementById('zone');
  const isLocal = stored('zone') === 'local';

  function stored(name) {
    try { return localStorage.getItem(name); } catch { return null; }
  }

  // `2026-01-31 12:00:00.000` in the browser's time zone.
  function localText(date) {
    return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, -1).replace('T', ' ');
  }

  function offsetText(date) {
    const minutes = -date.getTimezoneOffset();
    const two = (number) => String(number).padStart(2, '0');
    return `${minutes < 0 ? '−' : '+'}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  }

  function localize(root) {
    if (!isLocal) return;
    for (const time of root.querySelectorAll('time[data-length]')) {
      const date = new Date(time.getAttribute('datetime'));
      if (!isNaN(date)) time.textContent = `${localText(date).slice(0, time.dataset.length)} ${offsetText(date)}`;
    }
    for (const label of root.querySelectorAll('[data-at]')) {
      const date = new Date(label.dataset.at);
      if (!isNaN(date)) label.textContent = localText(date).slice(label.dataset.begin, label.dataset.end);
    }
    for (const input of root.querySelectorAll('input[data-utc]')) {
      const date = new Date(`${input.getAttribute('value')}Z`);
      if (!isNaN(date)) input.setAttribute('value', localText(date).slice(0, 19).replace(' ', 'T'));
    }
    for (const note of root.querySelectorAll('[data-zone]')) note.textContent = zone.dataset.here;
  }

  if (zone) {
    zone.hidden = false;
    zone.textContent = isLocal ? zone.dataset.local : zone.dataset.utc;
    zone.addEventListener('click', () => {
      try { localStorage.setItem('zone', isLocal ? 'utc' : 'local'); } catch { return; }
      location.reload();
    });
    localize(main);
    // URLs have times in UTC, so that they mean the same to everyone; the fields keep theirs.
    document.addEventListener('formdata', (event) => {
      if (!isLocal) return;
      for (const input of event.target.elements) {
        const date = new Date(input.value);
        if (input.matches('input[data-utc]') && !isNaN(date)) {
          event.formData.set(input.name, date.toISOString().slice(0, 19));
        }
      }
    });
  }

  // ---- receiving changes ------------------------------------------------------------------------

  const RETRY = 2000;
  let source = null;
  let timer = 0;
  // True after the session of a stream has ended, until the next stream receives something.
  let isReopened = false;

  function isLost(yes) {
    if (lost.hidden === yes) lost.hidden = !yes;
  }

  // ---- the age of the data: the server sends it each second, and silence adds to it -------------

  const STALE = 5;
  let received = Date.now();
  let age = Number(lag.dataset.age);

  function isFresh(text, ms) {
    received = Date.now();
    age = ms;
    if (age < STALE * 1000 && lag.textContent !== text) lag.textContent = text;
    showAge();
  }

  function showAge() {
    const seconds = Math.floor((Date.now() - received + age) / 1000);
    if (seconds >= STALE) lag.textContent = lag.dataset.stale.replace('{}', seconds);
    if (stale.hidden === (seconds >= STALE)) stale.hidden = seconds < STALE;
  }
  setInterval(showAge, 1000);

  function listen() {
    clearTimeout(timer);
    if (source) source.close();
    const at = encodeURIComponent(location.pathname + location.search);
    source = new EventSource(`/live?at=${at}${still ? '&still=true' : ''}`);
    source.addEventListener('open', () => isLost(false));
    source.addEventListener('main', (event) => { if (!still) show(event.data); });
    source.addEventListener('lag', (event) => {
      isLost(false);
      isReopened = false;
      const { ms, text, incidents, tasks } = JSON.parse(event.data);
      isFresh(text, ms);
      for (const [id, count] of [['badge', incidents], ['tasks-badge', tasks]]) {
        const badge = document.getElementById(id);
        if (badge) {
          badge.textContent = count;
          badge.hidden = count === 0;
        }
      }
    });
    source.addEventListener('login', () => {
      source.close();
      // The stream has the cookie with which it was opened; a use of the session may have replaced that.
      if (!isReopened) {
        isReopened = true;
        listen();
        return;
      }
      location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    });
    source.addEventListener('error', () => {
      isLost(true);
      // After an invalid response the browser does not reconnect by itself.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(listen, RETRY);
    });
  }

  // A hidden page closes its connection: browsers limit their number.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      clearTimeout(timer);
      if (source) source.close();
      source = null;
    } else if (!source) {
      listen();
    }
  });
  window.addEventListener('pagehide', () => { if (source) source.close(); });
  window.addEventListener('pageshow', (event) => { if (event.persisted) listen(); });
  if (!document.hidden) listen();

  // ---- dragging over a chart shows that period ----------------------------------------------

  // The time at a pointer, in milliseconds since 1970.
  function timeAt(chart, event) {
    const box = chart.getBoundingClientRect();
    const { from, to, left, right } = chart.dataset;
    const x = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
    const part = Math.min(1, Math.max(0, (x - left) / (right - left)));
    return { x: Number(left) + part * (right - left), at: Number(from) + part * (to - from) };
  }

  let drag = null;

  function mark(chart, a, b) {
    let area = chart.querySelector('.chosen');
    if (!area) {
      area = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
      area.setAttribute('class', 'chosen');
      area.setAttribute('y', 0);
      area.setAttribute('height', chart.viewBox.baseVal.height);
      chart.append(area);
    }
    area.setAttribute('x', Math.min(a, b));
    area.setAttribute('width', Math.abs(a - b));
  }

  main.addEventListener('pointerdown', (event) => {
    const chart = event.target.closest('svg.chart[data-from]');
    if (chart && event.button === 0) drag = { chart, ...timeAt(chart, event) };
  });
  main.addEventListener('pointermove', (event) => {
    if (drag) mark(drag.chart, drag.x, timeAt(drag.chart, event).x);
  });
  window.addEventListener('pointerup', (event) => {
    if (!drag) return;
    const { chart, x, at } = drag;
    drag = null;
    const end = timeAt(chart, event);
    chart.querySelector('.chosen')?.remove();
    if (Math.abs(end.x - x) < 8) return;
    const MINUTE = 60000;
    const text = (ms) => new Date(ms).toISOString().slice(0, 19);
    const query = new URLSearchParams(location.search);
    query.delete('window');
    query.set('from', text(Math.floor(Math.min(at, end.at) / MINUTE) * MINUTE));
    query.set('to', text(Math.ceil(Math.max(at, end.at) / MINUTE) * MINUTE));
    location.assign(`${location.pathname}?${query}${location.hash}`);
  });

  // ---- a click on a step of the drawing opens its messages ---------------------------------

  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.nodeName === 'DETAILS') target.open = true;
  }
  window.addEventListener('hashchange', reveal);
  reveal();
})();
