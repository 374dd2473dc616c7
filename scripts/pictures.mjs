// npm run pictures: refreshes the pictures of a release's summary and of the rehearsal's timeline in action-docs/pictures.
// It plays the scenario that breaks under users, renders what the team would read, and photographs it with Chromium.
// What renders Markdown and diagrams is installed into .cache, since only this script needs it.
import {spawn, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {parseArgs} from 'node:util';
import {chromium} from 'playwright-core';
import {root} from './node24.mjs';

const {values} = parseArgs({
  options: {
    scenario: {type: 'string', default: 'bad-after-promotion'},
    // A folder with what was played before (summaries and timeline.txt), instead of playing.
    from: {type: 'string'},
    // Render the summaries of a folder instead of playing anything, each to a picture beside it.
    render: {type: 'string'},
  },
});
const tools = join(root, '.cache', 'pictures');
const packages = ['marked@18.2.1', 'mermaid@12.3.0'];
// Each mark of the timeline and its colour.
const looks = {'▶': 'cyan', '✔': 'green', '✖': 'red', '●': 'yellow', '·': 'dim'};
const executable = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'].find((path) =>
  existsSync(path),
);
if (!executable) {
  console.error('There is no Chromium on this machine.\nNext: apt-get install chromium');
  process.exit(2);
}
if (!existsSync(join(tools, 'node_modules', 'mermaid'))) {
  mkdirSync(tools, {recursive: true});
  const args = ['install', '--prefix', tools, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', ...packages];
  const {status} = spawnSync('npm', args, {stdio: 'inherit'});
  if (status !== 0) process.exit(1);
}
const {marked} = await import(pathToFileURL(join(tools, 'node_modules', 'marked', 'lib', 'marked.esm.js')).href);

const browser = await chromium.launch({executablePath: executable, args: ['--no-sandbox']});
try {
  if (values.render) await renderFolder(values.render);
  else await playAndPhotograph();
} finally {
  await browser.close();
}

async function renderFolder(folder) {
  const {readdirSync} = await import('node:fs');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.md')))
    await photograph(summaryPage(readFileSync(join(folder, file), 'utf8')), join(folder, `${file}.png`), 'light');
}

async function playAndPhotograph() {
  const folder = values.from ?? mkdtempSync(join(tmpdir(), 'switchback-pictures-'));
  try {
    if (!values.from) {
      const told = await rehearse(['--scenario', values.scenario, '--summaries', folder]);
      writeFileSync(join(folder, 'timeline.txt'), told);
    }
    const pictures = join(root, 'action-docs', 'pictures');
    const summary = readFileSync(join(folder, `${values.scenario}-1-release.md`), 'utf8');
    const told = readFileSync(join(folder, 'timeline.txt'), 'utf8');
    for (const scheme of ['light', 'dark']) {
      await photograph(summaryPage(chosen(summary)), join(pictures, `release-summary-${scheme}.png`), scheme);
      await photograph(timelinePage(told), join(pictures, `timeline-${scheme}.png`), scheme);
    }
  } finally {
    if (!values.from) rmSync(folder, {recursive: true, force: true});
  }
}

function rehearse(args) {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [join(root, 'scripts', 'rehearse.mjs'), ...args], {
      env: {...process.env, NO_COLOR: '1'},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (status) =>
      status === 0 ? done(output) : reject(new Error(`the rehearsal ended with ${status}:\n${output}`)),
    );
  });
}

/** The watch over the live product and the way back: the part of the run's page that is read in the worst hour. */
function chosen(summary) {
  const parts = summary.split(/(?=^## )/m);
  const first = parts.findIndex((part) => /^## ❌ Health gate \(live\)/.test(part));
  if (first === -1) throw new Error('the summary holds no failed watch');
  return parts.slice(first, first + 2).join('\n');
}

function summaryPage(markdown) {
  const renderer = {
    code({text, lang}) {
      return lang === 'mermaid'
        ? `<pre class="mermaid">${escaped(text)}</pre>`
        : `<pre><code>${escaped(text)}</code></pre>`;
    },
  };
  marked.use({gfm: true, renderer});
  const body = marked.parse(markdown.replace(/<!--[\s\S]*?-->/g, ''));
  const mermaid = readFileSync(join(tools, 'node_modules', 'mermaid', 'dist', 'mermaid.min.js'), 'utf8');
  return page(
    `body{font:14px/1.5 -apple-system,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif,"Noto Color Emoji";max-width:1000px}
h2{font-size:1.5em;padding-bottom:.3em;border-bottom:1px solid var(--line);margin:24px 0 16px}h3{font-size:1.2em}
table{border-collapse:collapse;margin:0 0 16px;display:block;width:max-content;max-width:100%;overflow:auto}
th,td{padding:6px 13px;border:1px solid var(--line)}tr:nth-child(2n){background:var(--soft)}
code{background:var(--soft);padding:.2em .4em;border-radius:6px;font:85% ui-monospace,"DejaVu Sans Mono",monospace}
pre{background:var(--soft);padding:16px;border-radius:6px;overflow:auto}pre code{background:none;padding:0}
pre.mermaid{background:none;padding:0}blockquote{border-left:.25em solid var(--line);margin:0 0 16px;padding:0 1em}
a{color:var(--link)}`,
    `<main>${body}</main><script>${mermaid.replace(/<\/script/g, '<\\/script')}</script>
<script>mermaid.initialize({startOnLoad:false,theme:matchMedia('(prefers-color-scheme: dark)').matches?'dark':'default'});
mermaid.run().then(()=>{document.body.dataset.ready='1'},()=>{document.body.dataset.ready='1'})</script>`,
  );
}

/** The timeline in the colours that it has on a terminal. */
function timelinePage(text) {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => {
      const [, before, mark, after] = /^(\s*(?:[\d.]+ s)?\s+)([▶✔✖●·])( .*)$/.exec(line) ?? [];
      if (!mark) return /^\S+: /.test(line) ? `<b>${escaped(line)}</b>` : escaped(line);
      const rest = mark === '·' ? `<span class="dim">${escaped(after)}</span>` : escaped(after);
      return `<span class="dim">${before}</span><span class="${looks[mark]}">${mark}</span>${rest}`;
    });
  return page(
    `pre{font:13px/1.45 "DejaVu Sans Mono",ui-monospace,monospace;margin:0;white-space:pre-wrap;width:1040px}
.dim{opacity:.62}.red{color:var(--red)}.green{color:var(--green)}.yellow{color:var(--yellow)}.cyan{color:var(--link)}`,
    `<main><pre>${lines.join('\n')}</pre></main><script>document.body.dataset.ready='1'</script>`,
  );
}

function page(style, body) {
  return `<!doctype html><meta charset="utf-8"><style>
:root{color-scheme:light dark;--line:#d1d9e0;--soft:#f6f8fa;--link:#0969da;--red:#cf222e;--green:#1a7f37;--yellow:#9a6700}
@media(prefers-color-scheme:dark){:root{--line:#3d444d;--soft:#151b23;--link:#4493f8;--red:#f85149;--green:#3fb950;--yellow:#d29922}
body{background:#0d1117;color:#f0f6fc}}body{margin:0}main{padding:20px 24px;display:inline-block}${style}</style><body>${body}`;
}

async function photograph(html, file, colorScheme) {
  const context = await browser.newContext({colorScheme, viewport: {width: 1100, height: 800}, deviceScaleFactor: 1.5});
  const tab = await context.newPage();
  await tab.setContent(html);
  await tab.locator('body[data-ready]').waitFor({timeout: 60_000});
  await tab.locator('main').screenshot({path: file});
  await context.close();
  console.log(file);
}

function escaped(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
