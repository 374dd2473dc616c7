import {createHash} from 'node:crypto';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import type {Config} from '../config/schema.js';
import {Failure} from '../kernel/errors.js';

/** A page that answers every address with 503 and Retry-After, as a prebuilt output on disk. */
export interface MaintenancePage {
  /** Root of the upload; removed by `remove`. */
  readonly folder: string;
  /** SHA-1 of everything in it, 40 hex digits: the same page is deployed once and found again. */
  readonly digest: string;
  remove(): Promise<void>;
}

/** Tells a maintenance answer from any other 503. */
export const maintenanceHeader = 'x-switchback-maintenance';

/**
 * Writes the page.
 * @param root folder of the checked-out repository, for the user's own page.
 * @throws Failure MAINTENANCE_PAGE when that cannot be read.
 */
export async function writePage(config: Config, root: string): Promise<MaintenancePage> {
  const {page, message, 'retry-after': retryAfterMs} = config.maintenance;
  const html = page ? await ownPage(resolve(root, page), page) : defaultPage(message);
  const headers = {
    'retry-after': String(Math.round(retryAfterMs / 1_000)),
    'cache-control': 'no-store',
    [maintenanceHeader]: 'on',
  };
  const output = JSON.stringify({version: 3, routes: [{src: '/(.*)', status: 503, headers, dest: '/index.html'}]});
  const folder = await mkdtemp(join(tmpdir(), 'switchback-page-'));
  const build = join(folder, config.frontend?.['root-directory'] ?? '', '.vercel', 'output');
  await mkdir(join(build, 'static'), {recursive: true});
  await writeFile(join(build, 'config.json'), output);
  await writeFile(join(build, 'static', 'index.html'), html);
  return {
    folder,
    digest: createHash('sha1').update(output).update(html).digest('hex'),
    remove: () => rm(folder, {recursive: true, force: true}),
  };
}

async function ownPage(path: string, shown: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Failure('MAINTENANCE_PAGE', `The maintenance page ${shown} cannot be read`, {
      remedy: 'Commit it at that path, or remove `maintenance.page` to use the default one.',
      cause: error,
    });
  }
}

function defaultPage(message: string): string {
  const text = message.replace(
    /[&<>"]/g,
    (character) => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[character]!,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Maintenance</title>
<style>
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6b7c; --ground: #f6f8fa; --mark: #2f6fed; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf2; --soft: #9fb0c0; --ground: #11161c; --mark: #7aa5ff; } }
html, body { height: 100%; margin: 0; }
body { display: grid; place-items: center; background: var(--ground); color: var(--ink); font: 1.1rem/1.5 system-ui, sans-serif; }
main { max-width: 32rem; padding: 2rem; text-align: center; }
.dot { width: 1rem; height: 1rem; margin: 0 auto 1.5rem; border-radius: 50%; background: var(--mark); animation: breathe 4s ease-in-out infinite; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; }
p { margin: 0; color: var(--soft); }
@keyframes breathe { 50% { transform: scale(1.6); opacity: .5; } }
@media (prefers-reduced-motion: reduce) { .dot { animation: none; } }
</style>
</head>
<body>
<main>
<div class="dot" aria-hidden="true"></div>
<h1>Back soon</h1>
<p>${text}</p>
</main>
</body>
</html>
`;
}
