'use strict';
(() => {
  const all = () => document.getElementById('all');
  const two = (n) => String(n).padStart(2, '0');
  const clock = (at) => {
    const day = at.toDateString() === new Date().toDateString() ? '' :
      `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
    return `${day}${two(at.getHours())}:${two(at.getMinutes())}` + (day ? '' : `:${two(at.getSeconds())}`);
  };
  const lasted = (s) => {
    if (s < 10) return `${Math.max(s, 0).toFixed(1)} s`;
    s = Math.round(s);
    for (const [name, size, less, part] of [['d', 86400, 'h', 3600], ['h', 3600, 'min', 60], ['min', 60, 's', 1]]) {
      const rest = Math.floor(s % size / part);
      if (s >= size) return `${Math.floor(s / size)} ${name}${rest ? ` ${rest} ${less}` : ''}`;
    }
    return `${s} s`;
  };
  const local = (root) => {
    for (const each of root.querySelectorAll('time[datetime]')) each.textContent = clock(new Date(each.dateTime));
    for (const each of root.querySelectorAll('[data-since]')) {
      each.textContent = lasted((Date.now() - new Date(each.dataset.since)) / 1000);
    }
  };

  const loaded = Date.now(), here = new URL(location);
  if (here.searchParams.has('said')) { here.searchParams.delete('said'); history.replaceState(null, '', here); }

  // What somebody has typed or opened stays as it is.
  const typed = (form) => [...form.elements].some((each) =>
    each.type === 'checkbox' ? each.checked !== each.defaultChecked :
    each.tagName === 'SELECT' ? [...each.options].some((one) => one.selected !== one.defaultSelected && one.selected) :
    each.value !== each.defaultValue);
  const callbacks = {
    beforeNodeMorphed: (old) => !(old.nodeName === 'FORM' && 'keep' in old.dataset && (typed(old) || old.contains(document.activeElement))),
    beforeAttributeUpdated: (name, node) => !(name === 'open' && node.nodeName === 'DETAILS'),
  };
  const put = (text) => {
    const fresh = new DOMParser().parseFromString(text, 'text/html');
    const next = fresh.getElementById('all');
    if (!next || !next.dataset.live) return location.reload();
    const note = Date.now() - loaded < 8000 && document.querySelector('.said');
    if (note) next.querySelector('main').prepend(note.cloneNode(true));
    local(next);
    Idiomorph.morph(all(), next, {morphStyle: 'outerHTML', ignoreActiveValue: true, callbacks});
    document.title = fresh.title;
    for (const [from, to] of [[fresh.querySelector('footer'), document.querySelector('footer')]]) {
      if (from && to) { local(from); to.replaceChildren(...from.childNodes); }
    }
    return undefined;
  };
  const patch = (text) => {
    const fresh = new DOMParser().parseFromString(text, 'text/html');
    for (const part of [...fresh.body.children]) {
      const old = document.getElementById(part.id);
      if (old) { local(part); Idiomorph.morph(old, part, {morphStyle: 'outerHTML', ignoreActiveValue: true, callbacks}); }
    }
  };
  let fetching = false, again = false;
  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    const before = last;
    try {
      const answer = await fetch(location.href, {headers: {'Cache-Control': 'no-cache'}});
      if (answer.redirected) location.reload();
      else if (answer.ok) { const text = await answer.text(); if (last === before) put(text); }
    } catch { /* the stream tells when the board is there again */ } finally {
      fetching = false;
      if (again) { again = false; refresh(); }
    }
  };

  let source = null, last = '', timer = 0, down = false;
  const connect = () => {
    const {live, version} = all().dataset;
    if (!live) return;
    source = new EventSource(`${live}&last=${encodeURIComponent(last || version)}`);
    const whole = !('parts' in all().dataset);
    source.addEventListener('open', () => { document.body.classList.remove('offline'); if (down && whole) refresh(); down = false; });
    source.addEventListener('part', (event) => { last = event.lastEventId; patch(event.data); });
    source.addEventListener('page', (event) => { last = event.lastEventId; put(event.data); });
    source.addEventListener('changed', (event) => { if (whole && event.data !== all().dataset.version) refresh(); });
    source.addEventListener('error', () => {
      down = true;
      document.body.classList.add('offline');
      if (source.readyState === EventSource.CLOSED) { clearTimeout(timer); timer = setTimeout(connect, 3000); }
    });
  };

  const rows = () => [...document.querySelectorAll('[data-row]')].filter((row) => row.querySelector('a'));
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input,select,textarea')) return;
    const list = rows(), at = list.findIndex((row) => row.contains(document.activeElement));
    const to = {j: at + 1, k: at < 0 ? 0 : at - 1}[event.key];
    if (to !== undefined && list[to]) {
      const links = list[to].querySelectorAll('a');
      links[links.length - 1].focus();
      list[to].scrollIntoView({block: 'nearest'});
      event.preventDefault();
    } else if (event.key === '/') {
      event.preventDefault();
      const field = document.querySelector('[data-search]');
      if (field) field.focus(); else location.href = '/board/runs#q';
    } else if (event.key === 'a') location.href = '/board/approvals';
  });
  local(document);
  setInterval(() => local(all()), 1000);
  if (location.hash === '#q') document.querySelector('[data-search]')?.focus();
  connect();
  addEventListener('pagehide', () => source?.close());
  addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    if ('parts' in all().dataset) location.reload();
    else { connect(); refresh(); }
  });
})();
