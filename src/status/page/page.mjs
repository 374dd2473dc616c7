// The status page: reads status.json, draws, looks again. No library for the first view; uPlot comes with the first chart.

const dayMs = 86_400_000;
const page = document.getElementById('page');
const news = document.getElementById('news');
const open = new Set();
const series = new Map();
let status;
let isLive = false;
let lastText = '';

/** Makes an element; children are texts, elements, or nothing. Text is never read as markup. */
function h(tag, attributes = {}, ...children) {
  const svg = ['svg', 'rect', 'path', 'title'].includes(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

const conditionWords = {up: 'Up', degraded: 'Slow', down: 'Down', unknown: 'Unknown'};
const dateTime = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'short'});
const date = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeZone: 'UTC'});

function percent(share, digits = 2) {
  if (share === null) return 'unknown';
  const text = (share * 100).toFixed(digits);
  // 99.996 % is not 100 %: rounding must not make a failure disappear.
  return `${share < 1 && Number(text) === 100 ? (100 - 10 ** -digits).toFixed(digits) : text.replace(/\.0+$/, '')}\u00a0%`;
}

function span(ms) {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 1) return 'less than a minute';
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${hours} hours`;
  return `${Math.round(hours / 24)} days`;
}

/** Looking away too long makes every state unknown: the page says what it does not know. */
function isBlind() {
  return status.lastRoundMs === null || Date.now() - status.lastRoundMs > 3 * status.intervalMs + 60_000;
}

function render(first) {
  markTab(isBlind() ? 'unknown' : status.overall);
  document.title = `${headline()} · ${status.product}`;
  page.classList.toggle('fresh', first);
  page.replaceChildren(hero(), main(), foot());
  page.setAttribute('aria-busy', 'false');
  for (const service of status.services) if (open.has(service.name)) void showChart(service);
}

function main() {
  return h('main', {}, servicesSection(), incidentsSection(), duesSection(), releasesSection());
}

function headline() {
  if (isBlind()) return 'The current state is unknown';
  const down = status.services.filter(({condition}) => condition === 'down');
  if (down.length === 1) return `${down[0].name} is down`;
  if (down.length) return `${down.length} services are down`;
  const slow = status.services.filter(({condition}) => condition === 'degraded');
  if (slow.length)
    return slow.length === 1
      ? `${slow[0].name} is slower than it should be`
      : `${slow.length} services are slower than they should be`;
  return 'Everything is working';
}

function hero() {
  const state = isBlind() ? 'unknown' : status.overall;
  const known = status.services.map(({budget}) => budget.availability).filter((share) => share !== null);
  const mean = known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
  const looked =
    status.lastRoundMs === null ? 'Nobody has looked yet' : `Last looked ${span(Date.now() - status.lastRoundMs)} ago`;
  const often = `every ${span(status.intervalMs).replace(/^1 /, '')}`;
  return h(
    'header',
    {class: 'hero'},
    h('div', {class: `breath ${state}`, 'aria-hidden': 'true'}, h('i'), h('i'), h('i')),
    h(
      'div',
      {},
      h('p', {class: 'product'}, status.product),
      h('h1', {}, headline()),
      h('p', {class: 'when'}, `${looked}, ${often}.`, h('span', {class: 'live', hidden: !isLive}, 'Live')),
    ),
    h('div', {class: 'score'}, score(percent(mean), `available, last ${span(status.windowMs)}`), leastBudget()),
  );
}

function score(figure, words) {
  return h('div', {}, h('b', {}, figure), h('span', {}, words));
}

/** The service that may fail least from now on. */
function leastBudget() {
  const known = status.services.filter(({budget}) => budget.left !== null);
  if (!known.length) return undefined;
  const {name, budget} = known.reduce((a, b) => (b.budget.left < a.budget.left ? b : a));
  return score(budget.left < 0 ? 'overdrawn' : percent(budget.left, 0), `error budget left: ${name}`);
}

/** The tab's mark has the colour of the state. */
function markTab(state) {
  const tone = getComputedStyle(document.documentElement).getPropertyValue(
    {up: '--up', degraded: '--part', down: '--down'}[state] ?? '--unknown',
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6" fill="${tone.trim()}"/></svg>`;
  document.querySelector('link[rel="icon"]').href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function servicesSection() {
  return h(
    'section',
    {id: 'services', 'aria-labelledby': 'h-services', tabindex: '-1'},
    h('header', {}, h('h2', {id: 'h-services'}, 'Services'), legend()),
    h('div', {class: 'card'}, status.services.map(serviceRow)),
  );
}

function legend() {
  const key = (name, text) => h('span', {class: name}, h('i'), text);
  return h(
    'div',
    {class: 'legend', 'aria-hidden': 'true'},
    key('up', 'all well'),
    key('some', 'some failed'),
    key('bad', 'over 2 % failed'),
    key('', 'nobody looked'),
  );
}

function serviceRow(service, index) {
  const condition = isBlind() ? 'unknown' : service.condition;
  const id = `more-${index}`;
  const say = h('span', {class: 'say', 'aria-live': 'polite'});
  const isOpen = open.has(service.name);
  const more = h('div', {class: 'more', id, hidden: !isOpen});
  const button = h(
    'button',
    {
      class: 'name',
      type: 'button',
      'aria-expanded': String(isOpen),
      'aria-controls': id,
      onclick: () => toggle(service, button, more),
    },
    h('span', {}, service.name),
    h('small', {}, service.component),
  );
  return h(
    'article',
    {class: 'service', 'data-name': service.name, 'aria-label': service.name},
    h(
      'div',
      {class: 'top'},
      button,
      h(
        'span',
        {class: 'figure'},
        h('b', {}, percent(service.budget.availability)),
        service.latencyMs === null ? '' : ` · ${service.latencyMs}\u00a0ms`,
      ),
      h(
        'span',
        {class: `pill ${condition}`},
        service.flapping && condition === 'down' ? 'Flapping' : conditionWords[condition],
      ),
    ),
    service.detail && condition === 'down' && h('p', {class: 'says'}, service.detail),
    h(
      'div',
      {class: 'row'},
      h(
        'div',
        {},
        dayBars(service, say),
        h('div', {class: 'scale'}, h('span', {}, '90 days ago'), say, h('span', {}, 'today')),
      ),
      h('div', {}, spark(service), h('div', {class: 'scale right'}, h('span', {}, 'response, 24 h'))),
    ),
    more,
  );
}

function dayBars(service, say) {
  const count = service.up.length;
  const step = 900 / count;
  const svg = h('svg', {
    class: 'days',
    viewBox: '0 0 900 34',
    preserveAspectRatio: 'none',
    role: 'img',
    tabindex: '0',
    'aria-label': daysInWords(service),
  });
  service.up.forEach((share, i) => {
    const kind = share === null ? '' : share === 1 ? 'up' : share >= 0.98 ? 'some' : 'bad';
    const height = share === null ? 10 : 34;
    const rect = h('rect', {
      class: `${kind}${share !== null && service.known[i] < 0.5 ? ' dim' : ''}`,
      x: (i * step + 1).toFixed(1),
      y: 34 - height,
      width: (step - 2.4).toFixed(1),
      height,
      rx: 2,
    });
    rect.style.setProperty('--d', String(i * 4));
    svg.append(rect);
  });
  let at = count;
  const show = (i) => {
    at = Math.max(0, Math.min(count - 1, i));
    for (const rect of svg.querySelectorAll('.here')) rect.classList.remove('here');
    svg.children[at].classList.add('here');
    say.textContent = dayInWords(service, at);
  };
  const hide = () => {
    for (const rect of svg.querySelectorAll('.here')) rect.classList.remove('here');
    say.textContent = '';
  };
  svg.addEventListener('pointermove', (event) =>
    show(Math.floor(((event.clientX - svg.getBoundingClientRect().left) / svg.clientWidth) * count)),
  );
  svg.addEventListener('pointerleave', hide);
  svg.addEventListener('blur', hide);
  svg.addEventListener('keydown', (event) => {
    const move = {ArrowLeft: -1, ArrowRight: 1, PageUp: -7, PageDown: 7, Home: -count, End: count}[event.key];
    if (!move) return;
    event.preventDefault();
    show(at + move);
  });
  return svg;
}

function dayInWords(service, i) {
  const day = date.format(status.firstDayMs + i * dayMs);
  const share = service.up[i];
  if (share === null) return `${day}: nobody looked`;
  const known = service.known[i];
  return `${day}: ${percent(share)}${known < 0.9 ? `, ${percent(1 - known, 0)} of the day unknown` : ''}`;
}

function daysInWords(service) {
  const bad = service.up.filter((share) => share !== null && share < 1).length;
  const unknown = service.up.filter((share) => share === null).length;
  return `${service.name}, 90 days: ${bad} with failures, ${unknown} unknown. Arrow keys go through the days.`;
}

function spark({spark: values, name}) {
  const known = values.filter((value) => value !== null);
  const svg = h('svg', {
    class: 'spark',
    viewBox: '0 0 128 34',
    role: 'img',
    'aria-label': known.length
      ? `${name}, response time of the last 24 hours: ${Math.min(...known)} to ${Math.max(...known)} ms`
      : `${name}: no response times`,
  });
  if (known.length < 2) return svg;
  const top = Math.max(...known) * 1.15;
  const point = (value, i) =>
    `${((i / (values.length - 1)) * 126 + 1).toFixed(1)} ${(33 - (value / top) * 30).toFixed(1)}`;
  let line = '';
  let under = '';
  let from;
  let last;
  // A gap in the data is a gap in the line.
  values.forEach((value, i) => {
    if (value === null) {
      if (from !== undefined) under += `V34H${from}Z`;
      from = undefined;
      return;
    }
    const x = ((i / (values.length - 1)) * 126 + 1).toFixed(1);
    line += `${from === undefined ? 'M' : 'L'}${point(value, i)}`;
    under += `${from === undefined ? `M${x} 34L` : 'L'}${point(value, i)}`;
    from ??= x;
    last = x;
  });
  if (from !== undefined) under += `L${last} 34Z`;
  svg.append(h('path', {class: 'under', d: under}), h('path', {d: line}));
  return svg;
}

function toggle(service, button, more) {
  const isOpen = !open.has(service.name);
  if (isOpen) open.add(service.name);
  else open.delete(service.name);
  button.setAttribute('aria-expanded', String(isOpen));
  more.hidden = !isOpen;
  if (isOpen) void showChart(service);
}

const spans = [
  ['2 days', 2],
  ['30 days', 30],
  ['90 days', 90],
  ['A year', 366],
];

async function showChart(service, days = 30) {
  const index = status.services.findIndex(({name}) => name === service.name);
  const more = document.getElementById(`more-${index}`);
  const plot = h('div', {
    class: 'plot',
    role: 'img',
    'aria-label': `Response time and failures of ${service.name}, the last ${days} days`,
  });
  const keys = h(
    'div',
    {class: 'keys'},
    h('span', {}, h('i'), 'median'),
    h('span', {class: 'p95'}, h('i'), '95 of 100 are faster'),
    h('span', {class: 'err'}, h('i'), 'failed'),
    h('span', {class: 'release'}, h('i'), 'release'),
    h('span', {class: 'span'}, h('i'), 'incident'),
  );
  const buttons = spans.map(([text, length]) =>
    h(
      'button',
      {type: 'button', 'aria-pressed': String(length === days), onclick: () => void showChart(service, length)},
      text,
    ),
  );
  more.replaceChildren(
    factsOf(service),
    h(
      'div',
      {class: 'spans', role: 'group', 'aria-label': 'Time shown'},
      buttons,
      h('p', {}, 'Drag to zoom, double-click for all'),
    ),
    plot,
    keys,
  );
  const [data] = await Promise.all([loadSeries(service), loadUplot()]);
  if (data && plot.isConnected) draw(plot, service, data, days);
}

function factsOf(service) {
  const {budget, trend, maxLatencyMs, changes} = service;
  const left = budget.left === null ? null : Math.max(0, budget.left);
  const bar = h(
    'span',
    {class: `budget${left === null ? '' : left === 0 ? ' spent' : left < 0.25 ? ' low' : ''}`, 'aria-hidden': 'true'},
    h('i'),
  );
  bar.firstChild.style.width = `${(left ?? 0) * 100}%`;
  const change = changes.at(-1);
  return h(
    'div',
    {class: 'facts'},
    h(
      'span',
      {},
      'Error budget left',
      bar,
      h('b', {}, budget.left === null ? 'unknown' : budget.left < 0 ? 'overdrawn' : percent(budget.left, 0)),
      ` of ${percent(1 - status.objective)} in ${span(status.windowMs)}`,
    ),
    h('span', {}, 'Looked at ', h('b', {}, percent(budget.known, 0)), ' of that time'),
    budget.burn && h('span', {class: 'burn'}, 'Burning ', h('b', {}, `${budget.burn.atLeast} times too fast`)),
    maxLatencyMs !== null && h('span', {}, 'Objective ', h('b', {}, `${maxLatencyMs}\u00a0ms`)),
    trend &&
      h(
        'span',
        {},
        'Trend ',
        h('b', {}, `${trend.perDay > 0 ? '+' : ''}${trend.perDay}\u00a0ms a day`),
        ` (${trend.low} to ${trend.high})`,
      ),
    change &&
      h('span', {}, 'Since ', date.format(change.atMs), ' ', h('b', {}, `${change.before} → ${change.after}\u00a0ms`)),
  );
}

async function loadSeries(service) {
  const known = series.get(service.name);
  if (known?.at === status.generatedMs) return known.data;
  try {
    const answer = await fetch(service.series, {cache: 'no-cache'});
    if (!answer.ok) throw new Error();
    const data = await answer.json();
    series.set(service.name, {at: status.generatedMs, data});
    return data;
  } catch {
    return known?.data;
  }
}

let uplot;
function loadUplot() {
  uplot ??= new Promise((resolve, reject) => {
    document.head.append(
      h('link', {rel: 'stylesheet', href: 'uplot.css'}),
      h('script', {src: 'uplot.js', onload: resolve, onerror: reject}),
    );
  });
  return uplot;
}

function draw(plot, service, data, days) {
  const source = days <= 2 ? data.minutes : data.hours;
  const from = Date.now() - days * dayMs;
  const first = Math.max(0, Math.ceil((from - source.startMs) / source.stepMs));
  const cut = (column) => column.slice(first);
  const x = cut(source.p50).map((_, i) => (source.startMs + (first + i) * source.stepMs) / 1000);
  const css = getComputedStyle(document.documentElement);
  const color = (name) => css.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--soft'),
    grid: {stroke: color('--line'), width: 1},
    ticks: {show: false},
    font: '12px system-ui, sans-serif',
  };
  plot.replaceChildren();
  const chart = new window.uPlot(
    {
      width: plot.clientWidth,
      height: 232,
      legend: {show: false},
      cursor: {drag: {x: true, y: false}, points: {size: 6}},
      scales: {ms: {range: (_u, _min, max) => [0, Math.max(10, max * 1.1)]}, err: {range: [0, 1]}},
      axes: [
        {...axis, space: 70, gap: 8},
        {...axis, scale: 'ms', size: 66, gap: 8, values: (_u, ticks) => ticks.map((tick) => `${tick} ms`)},
      ],
      series: [
        {},
        {scale: 'ms', stroke: 'transparent', fill: color('--chart-soft'), points: {show: false}},
        {scale: 'ms', stroke: color('--chart'), width: 1.6, points: {show: false}},
        {
          scale: 'err',
          stroke: color('--down'),
          fill: color('--down'),
          points: {show: false},
          paths: window.uPlot.paths.bars({size: [0.6, 6, 1.5]}),
        },
      ],
      hooks: {setCursor: [(u) => tell(u, plot)], drawClear: [(u) => drawPast(u, service, color)]},
    },
    [x, cut(source.p95), cut(source.p50), cut(source.errors).map((share) => share || null)],
    plot,
  );
  plot.chart = chart;
}

/** Behind the curves: when the service was in an incident, and when something was released. */
function drawPast(u, service, color) {
  const {left, top, width, height} = u.bbox;
  const at = (ms) => Math.min(left + width, Math.max(left, u.valToPos(ms / 1000, 'x', true)));
  u.ctx.save();
  u.ctx.fillStyle = color('--down');
  u.ctx.globalAlpha = 0.14;
  for (const {services, sinceMs, closedMs} of status.incidents)
    if (services.includes(service.name))
      u.ctx.fillRect(at(sinceMs), top, Math.max(2, at(closedMs ?? Date.now()) - at(sinceMs)), height);
  u.ctx.globalAlpha = 1;
  u.ctx.strokeStyle = color('--soft');
  u.ctx.lineWidth = devicePixelRatio;
  u.ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const {atMs} of status.releases) {
    if (u.scales.x.min * 1000 > atMs || u.scales.x.max * 1000 < atMs) continue;
    u.ctx.beginPath();
    u.ctx.moveTo(at(atMs), top);
    u.ctx.lineTo(at(atMs), top + height);
    u.ctx.stroke();
  }
  u.ctx.restore();
}

/** The release whose line the cursor is at. */
function releaseAt(u) {
  const near = (atMs) => Math.abs(u.valToPos(atMs / 1000, 'x') - u.cursor.left) < 6;
  return u.cursor.left < 0 ? undefined : status.releases.find(({atMs}) => near(atMs));
}

function tell(u, plot) {
  const keys = plot.nextElementSibling;
  if (!keys) return;
  const i = u.cursor.idx;
  const labels = ['median', '95 of 100 are faster', 'failed'];
  const values = i === null || i === undefined ? [] : [u.data[2][i], u.data[1][i], u.data[3][i]];
  const release = releaseAt(u);
  keys.querySelector('.release').lastChild.textContent = release ? `release ${release.id}` : 'release';
  [...keys.children].slice(0, labels.length).forEach((key, k) => {
    const value = values[k];
    key.lastChild.textContent =
      value === null || value === undefined
        ? labels[k]
        : `${labels[k]}: ${k === 2 ? percent(value, 1) : `${value}\u00a0ms`}`;
  });
}

function incidentsSection() {
  const body = status.incidents.length
    ? status.incidents.slice(0, 30).map(incidentRow)
    : h('p', {class: 'quiet'}, 'None in the last 90 days.');
  return h(
    'section',
    {'aria-labelledby': 'h-incidents'},
    h('header', {}, h('h2', {id: 'h-incidents'}, 'Incidents'), h('p', {}, 'One cause, one incident')),
    h('div', {class: 'card'}, body),
  );
}

function incidentRow(incident) {
  const {services, sinceMs, closedMs, severity, suspect, detail, flapping} = incident;
  const isOpen = closedMs === null;
  const names =
    services.length > 4 ? `${services.slice(0, 3).join(', ')} and ${services.length - 3} more` : services.join(', ');
  const release = status.releases.find(({id}) => id === suspect);
  const ending = release?.state === 'rolled-back' ? ', which was rolled back' : '';
  return h(
    'article',
    {class: 'incident', 'aria-label': `Incident: ${names}`},
    h('time', {datetime: new Date(sinceMs).toISOString()}, dateTime.format(sinceMs)),
    h(
      'div',
      {},
      h('h3', {}, names),
      h(
        'p',
        {},
        isOpen ? `For ${span(Date.now() - sinceMs)}` : `Lasted ${span(closedMs - sinceMs)}`,
        flapping ? ', flapping' : '',
        suspect &&
          [
            '; after release ',
            release?.url ? h('a', {href: release.url}, suspect) : h('code', {}, suspect),
            ending,
          ].flat(),
        '.',
      ),
      detail && isOpen && h('p', {}, detail),
    ),
    h(
      'span',
      {},
      h(
        'span',
        {class: `pill ${isOpen ? (severity === 'critical' ? 'down' : 'degraded') : 'up'}`},
        isOpen ? 'Open' : 'Resolved',
      ),
    ),
  );
}

function duesSection() {
  if (!status.freshness.length) return undefined;
  const words = {fresh: 'Good', late: 'Needs you', never: 'Never', unknown: 'Unknown'};
  const tone = {fresh: 'up', late: 'late', never: 'never', unknown: 'unknown'};
  return h(
    'section',
    {'aria-labelledby': 'h-dues'},
    h('header', {}, h('h2', {id: 'h-dues'}, 'Ways back')),
    h(
      'div',
      {class: 'grid'},
      status.freshness.map(({name, state, shown, limit}) =>
        h(
          'div',
          {class: 'card tile'},
          h('h3', {}, name[0].toUpperCase() + name.slice(1)),
          h('b', {}, shown),
          h('span', {class: `pill ${tone[state]}`}, words[state]),
          h('p', {}, limit),
        ),
      ),
    ),
  );
}

function releasesSection() {
  if (!status.releases.length) return undefined;
  const tone = {good: 'up', promoted: 'up', 'rolled-back': 'degraded', failed: 'down', cancelled: 'unknown'};
  return h(
    'section',
    {'aria-labelledby': 'h-releases'},
    h('header', {}, h('h2', {id: 'h-releases'}, 'Releases')),
    h(
      'ul',
      {class: 'card releases'},
      status.releases
        .slice(0, 8)
        .map(({id, commit, atMs, state, url}) =>
          h(
            'li',
            {},
            h('time', {datetime: new Date(atMs).toISOString()}, dateTime.format(atMs)),
            h('span', {}, url ? h('a', {href: url}, id) : id, ' ', h('code', {}, commit.slice(0, 7))),
            h('span', {class: `pill ${tone[state] ?? 'unknown'}`}, state.replace('-', ' ')),
          ),
        ),
    ),
  );
}

function foot() {
  return h(
    'footer',
    {},
    h('span', {}, `Figures of ${dateTime.format(status.generatedMs)}; time without checks is shown as unknown.`),
    h('a', {href: 'status.json'}, 'status.json'),
  );
}

async function look(first) {
  try {
    const answer = await fetch('status.json', {cache: first ? 'default' : 'no-cache'});
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const text = await answer.text();
    if (text === lastText) return;
    const before = status && headline();
    status = JSON.parse(text);
    lastText = text;
    const focused = document.activeElement?.closest?.('.service')?.dataset.name;
    render(first);
    if (first) performance.mark('drawn');
    if (focused)
      [...document.querySelectorAll('.service')]
        .find((row) => row.dataset.name === focused)
        ?.querySelector('.name')
        ?.focus();
    if (before !== undefined && before !== headline()) news.textContent = headline();
  } catch (error) {
    if (!status)
      page.replaceChildren(
        h(
          'p',
          {class: 'plain'},
          `The status could not be read (${error.message}). It is asked for again every minute.`,
        ),
      );
    else if (isBlind()) render(false);
  }
}

/** Asks again at the pace that the file names; a server with events is listened to besides. */
async function live() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(2_000, status?.refreshMs ?? 60_000)));
    if (!document.hidden) await look(false);
  }
}

/** Events tell of each round at once; a lost connection is made again by the browser, and the page asks meanwhile. */
function listen() {
  const events = new EventSource('events');
  const show = (now) => {
    isLive = now;
    for (const badge of document.querySelectorAll('.live')) badge.hidden = !now;
  };
  events.addEventListener('open', () => show(true));
  events.addEventListener('error', () => show(false));
  events.addEventListener('round', () => void look(false));
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden && status) void look(false);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => status && render(false));
let resizing;
addEventListener('resize', () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => {
    for (const plot of document.querySelectorAll('.plot')) plot.chart?.setSize({width: plot.clientWidth, height: 232});
  }, 120);
});
await look(true);
if (status?.events) listen();
void live();
