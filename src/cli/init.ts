import {spawn} from 'node:child_process';
import {mkdir, readFile, realpath, writeFile} from 'node:fs/promises';
import {basename, dirname, join, relative, resolve} from 'node:path';
import {createInterface} from 'node:readline/promises';
import {parseConfig} from '../config/load-config.js';
import {Failure, type Problem, refusal} from '../kernel/errors.js';
import type {Ended, Terminal} from './action.js';
import {git} from './environment.js';
import {type InitAnswers, initFiles, publicKeyPath, secretNames} from './init-files.js';
import {readPlatforms} from './platform-facts.js';
import {readRepository} from './repository-facts.js';

/** Flags of `switchback init`, as commander names them. */
export interface InitFlags {
  readonly yes?: boolean;
  readonly overwrite?: boolean;
  readonly product?: string;
  readonly frontendPath?: string;
  readonly frontendUrl?: string;
  readonly vercelProject?: string;
  readonly vercelTeam?: string;
  readonly backendPath?: string;
  readonly backendUrl?: string;
  readonly railwayService?: string;
  readonly healthPath?: string;
  readonly bucket?: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly keyOut?: string;
  readonly switchback?: string;
}

/** What a person is asked when neither flag, repository nor platform said it. */
type Ask = (question: string, flag: string) => Promise<string | undefined>;

/**
 * Writes the configuration and the workflows of a product. What exists and differs is shown and kept, unless the
 * person or `--overwrite` agrees; the private key goes to a path outside the repository, and never over another file.
 * @throws refusal INPUT naming each flag that is missing; Failure INIT_KEPT when files were kept.
 */
export async function init(flags: InitFlags, terminal: Terminal): Promise<Ended> {
  const root = terminal.env['GITHUB_WORKSPACE'] ?? process.cwd();
  await refuseKeyInside(flags.keyOut, root);
  const interactive = flags.yes !== true && process.stdin.isTTY === true;
  const prompt = interactive ? createInterface({input: process.stdin, output: process.stderr}) : undefined;
  try {
    const ask: Ask = async (question, flag) =>
      (await prompt?.question(`${question} (--${flag}): `, {signal: terminal.signal}))?.trim() || undefined;
    const answers = await findAnswers(flags, root, terminal, ask);
    const files = {...initFiles(answers), ...(await keyFiles(flags, answers, terminal))};
    parseConfig(files['.github/switchback.yml']!, '.github/switchback.yml');
    const consent = async (path: string) =>
      flags.overwrite === true || /^y(es)?$/i.test((await prompt?.question(`Replace ${path}? [y/N] `)) ?? '');
    const {written, kept} = await writeFiles(root, files, consent, terminal);
    return {
      outputs: {written: written.join(','), kept: kept.join(',')},
      summary: nextSteps(answers, written, flags, terminal),
      ...(kept.length > 0 && {failure: keptFailure(kept)}),
    };
  } finally {
    prompt?.close();
  }
}

async function refuseKeyInside(keyOut: string | undefined, root: string): Promise<void> {
  if (keyOut === undefined) return;
  const folder = await realpath(dirname(resolve(keyOut))).catch(() => dirname(resolve(keyOut)));
  const inside = !relative(await realpath(root), folder).startsWith('..');
  if (!inside) return;
  throw refusal('INPUT', 'The flags of init were', [
    {
      where: 'flag --key-out',
      what: `"${keyOut}" lies inside the repository`,
      remedy: 'Give a path outside it, such as ~/keys/shop.asc',
    },
  ]);
}

async function findAnswers(flags: InitFlags, root: string, terminal: Terminal, ask: Ask): Promise<InitAnswers> {
  const found = await readRepository(root);
  const linked = flags.vercelProject ?? found.vercelProject;
  const team = flags.vercelTeam ?? found.vercelTeam;
  const {env, signal, console} = terminal;
  for (const name of ['VERCEL_TOKEN', 'RAILWAY_TOKEN']) if (env[name]) console.hide(env[name]);
  const platforms = await readPlatforms({
    ...(env['VERCEL_TOKEN'] && {vercel: {token: env['VERCEL_TOKEN'], project: linked, team}}),
    repository: env['GITHUB_REPOSITORY'],
    ...(env['RAILWAY_TOKEN'] && {railway: {token: env['RAILWAY_TOKEN'], service: flags.railwayService}}),
    signal,
    ...(env['SWITCHBACK_VERCEL_API'] && {vercelApi: env['SWITCHBACK_VERCEL_API']}),
    ...(env['SWITCHBACK_RAILWAY_API'] && {railwayApi: env['SWITCHBACK_RAILWAY_API']}),
  });
  for (const note of platforms.notes) console.alert('warning', note);
  const project = linked ?? platforms.vercelProject;
  const problems: Problem[] = [];
  const need = async (known: string | undefined, question: string, flag: string, example: string) => {
    const value = known ?? (await ask(question, flag));
    if (!value)
      problems.push({
        where: `flag --${flag}`,
        what: 'is missing, and nothing here tells it',
        remedy: `Add --${flag} ${example}`,
      });
    return value ?? '';
  };
  const frontendPath = flags.frontendPath ?? found.frontendPath;
  const backendPath = flags.backendPath ?? found.backendPath;
  const frontend = (frontendPath ?? project) !== undefined && {
    project: await need(project, 'Vercel project', 'vercel-project', 'prj_a1b2c3'),
    team,
    path: frontendPath ?? '.',
    url: await need(
      flags.frontendUrl ?? platforms.frontendUrl,
      'Address that users open',
      'frontend-url',
      'https://shop.example',
    ),
    backendVariables: found.backendVariables,
  };
  const backend = (backendPath ?? flags.railwayService) !== undefined && {
    service: await need(flags.railwayService ?? platforms.railwayService, 'Railway service', 'railway-service', 'api'),
    path: backendPath ?? '.',
    url: await need(
      flags.backendUrl ?? platforms.backendUrl,
      'Public address of the backend',
      'backend-url',
      'https://api.shop.example',
    ),
  };
  if (!frontend && !backend)
    problems.push({
      where: 'this repository',
      what: 'shows neither frontend nor backend',
      remedy: 'Add --frontend-path or --backend-path',
    });
  const healthPath = flags.healthPath ?? found.healthPath ?? (backend && (await answeringPath(backend.url, signal)));
  if (backend && !healthPath)
    console.alert(
      'warning',
      'No path of the backend answers 200, so it has no check yet: add one, or run again with --health-path PATH.',
    );
  const crossOrigin =
    frontend && backend && healthPath && (await letsIn(backend.url, healthPath, frontend.url, signal));
  const switchback = await need(
    flags.switchback ?? (await ownOrigin()),
    'Switchback, as owner/name@commit',
    'switchback',
    'acme/switchback@0123…',
  );
  if (switchback && !/^[\w.-]+\/[\w.-]+@[0-9a-f]{40}$/.test(switchback))
    problems.push({
      where: 'flag --switchback',
      what: `"${switchback}" is not owner/name@full-commit`,
      remedy: 'Pin it by a full 40-character commit',
    });
  if (problems.length) throw refusal('INPUT', 'The flags of init were', problems);
  return {
    product: flags.product ?? productName(env['GITHUB_REPOSITORY'], root),
    ...(frontend && {frontend}),
    ...(backend && {
      backend: {...backend, ...(healthPath && {healthPath}), ...(crossOrigin && {letsFrontendIn: true})},
    }),
    ...(platforms.databaseService && {databaseService: platforms.databaseService}),
    migrations: found.migrations,
    bucket: flags.bucket ? {name: flags.bucket, endpoint: flags.endpoint, region: flags.region} : undefined,
    switchback,
    apis: {vercel: env['SWITCHBACK_VERCEL_API'], railway: env['SWITCHBACK_RAILWAY_API']},
    branch: (await git(['symbolic-ref', '--short', 'HEAD'], root)) ?? 'main',
  };
}

/** The first usual health path that the running backend answers with 200; asked once each, from here. */
async function answeringPath(url: string, signal: AbortSignal): Promise<string | undefined> {
  for (const path of ['/api/health', '/health', '/healthz', '/api/healthz', '/']) {
    const answer = await fetch(`${url.replace(/\/+$/, '')}${path}`, {
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
    }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return path;
  }
  return undefined;
}

/** Does the running backend let the frontend's pages in, as a browser would ask? Then the gate can hold it to that. */
async function letsIn(url: string, path: string, frontendUrl: string, signal: AbortSignal): Promise<boolean> {
  // Either may still be missing: that is told with everything else that is.
  if (!URL.canParse(url) || !URL.canParse(frontendUrl)) return false;
  const {origin} = new URL(frontendUrl);
  if (origin === new URL(url).origin) return false;
  const answer = await fetch(`${url.replace(/\/+$/, '')}${path}`, {
    method: 'OPTIONS',
    headers: {origin, 'access-control-request-method': 'GET'},
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
  }).catch(() => undefined);
  await answer?.body?.cancel();
  return [origin, '*'].includes(answer?.headers.get('access-control-allow-origin') ?? '');
}

/** Where this very Switchback comes from, when it runs from a checkout. */
async function ownOrigin(): Promise<string | undefined> {
  const {repositoryOf} = await import('./environment.js');
  const own = import.meta.dirname;
  const [remote, commit] = await Promise.all([
    git(['remote', 'get-url', 'origin'], own),
    git(['rev-parse', 'HEAD'], own),
  ]);
  const repository = remote && repositoryOf(remote);
  return repository && commit ? `${repository}@${commit}` : undefined;
}

function productName(repository: string | undefined, root: string): string {
  const name = (repository?.split('/')[1] ?? basename(root))
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '');
  return name.slice(0, 40) || 'product';
}

/** The key pair: the private half is written here, the public half joins the files of the repository. */
async function keyFiles(flags: InitFlags, answers: InitAnswers, {env}: Terminal): Promise<Record<string, string>> {
  if (flags.keyOut === undefined) return {};
  const {generateKey} = await import('openpgp');
  const passphrase = env['BACKUP_PRIVATE_KEY_PASSPHRASE'];
  const pair = await generateKey({
    type: 'ecc',
    // The spelling of the curve that every GnuPG in use reads.
    curve: 'curve25519Legacy',
    userIDs: [{name: `${answers.product} backups`}],
    format: 'armored',
    ...(passphrase && {passphrase}),
  });
  const path = resolve(flags.keyOut);
  await mkdir(dirname(path), {recursive: true, mode: 0o700});
  try {
    await writeFile(path, pair.privateKey, {mode: 0o600, flag: 'wx'});
  } catch (error) {
    throw new Failure('KEY_EXISTS', `The private key was not written to ${flags.keyOut}`, {
      remedy: 'Choose a path where no file is; a key that opens older sets must never be replaced.',
      cause: error,
    });
  }
  return {[publicKeyPath]: pair.publicKey};
}

async function writeFiles(
  root: string,
  files: Readonly<Record<string, string>>,
  consent: (path: string) => Promise<boolean>,
  {console}: Terminal,
): Promise<{written: string[]; kept: string[]}> {
  const [written, kept]: [string[], string[]] = [[], []];
  for (const [path, text] of Object.entries(files)) {
    const there = await readFile(join(root, path), 'utf8').catch(() => undefined);
    if (there === text) continue;
    if (there !== undefined) {
      console.line(await difference(join(root, path), text, root));
      if (!(await consent(path))) {
        kept.push(path);
        continue;
      }
    }
    await mkdir(dirname(join(root, path)), {recursive: true});
    await writeFile(join(root, path), text);
    written.push(path);
  }
  return {written, kept};
}

/** What would change in a file, as git shows it. */
function difference(path: string, text: string, cwd: string): Promise<string> {
  return new Promise((done) => {
    const child = spawn('git', ['diff', '--no-index', '--no-color', '--', path, '-'], {
      cwd,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.on('error', () => done(`${path} differs.`));
    child.on('close', () => done(out.trim() || `${path} differs.`));
    child.stdin.on('error', () => undefined);
    child.stdin.end(text);
  });
}

function keptFailure(kept: readonly string[]): Failure {
  return new Failure('INIT_KEPT', `Kept as they were, since they differ: ${kept.join(', ')}`, {
    remedy: 'Read the differences above; then run again with --overwrite, or edit the files by hand.',
  });
}

function nextSteps(answers: InitAnswers, written: readonly string[], flags: InitFlags, {env}: Terminal): string {
  const repository = env['GITHUB_REPOSITORY'] ?? 'OWNER/NAME';
  const secrets = secretNames(answers, 'release')
    .filter((name) => name !== 'CHECK_SECRETS')
    .map((name) => `  gh secret set ${name} --repo ${repository} --env production`);
  return [
    written.length ? `Written: ${written.join(', ')}` : 'Nothing to write: everything is as it should be.',
    ...(flags.keyOut
      ? [
          `Private key: ${flags.keyOut} (mode 0600). Keep it off CI and in two places; ${publicKeyPath} is the public half.`,
        ]
      : []),
    ...(answers.bucket && !flags.keyOut
      ? [`Backups need ${publicKeyPath}: run again with --key-out PATH, or put your own public key there.`]
      : []),
    ...(answers.bucket ? [] : ['No backups yet: run again with --bucket NAME --key-out PATH.']),
    '',
    'Still to do, in this order:',
    `  gh api --method PUT repos/${repository}/environments/production`,
    ...secrets,
    ...(answers.bucket && answers.databaseService
      ? [`  (DATABASE_URL: the public address of the Railway service ${answers.databaseService})`]
      : []),
    '  switchback preflight',
    '',
    ...(answers.bucket
      ? [
          'For the worst hour (rollback of the database, disaster recovery): an environment with reviewers, with the same secrets and the private key:',
          `  gh api --method PUT repos/${repository}/environments/disaster-recovery`,
          `  gh secret set BACKUP_PRIVATE_KEY --repo ${repository} --env disaster-recovery < ${flags.keyOut ?? 'PRIVATE-KEY-FILE'}`,
          '',
        ]
      : []),
    'Then commit and push. The first release needs allow-missing-anchor for a side that has nothing live yet.',
  ].join('\n');
}
