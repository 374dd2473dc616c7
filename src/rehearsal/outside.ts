import {spawn} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {decrypt, decryptKey, readMessage, readPrivateKey} from 'openpgp';
import {names, type World} from './world.js';

/** One fact checked from outside: by requests, by reading a stand-in's state, or by a stock tool. Never by the actions' own word. */
export interface Check {
  readonly ok: boolean;
  readonly text: string;
}

export const check = (ok: boolean, text: string): Check => ({ok, text});

/** What production serves, as the platforms' state says and as a request confirms. */
export async function serving(
  world: World,
): Promise<{frontend: string; backend: string; answers: boolean; answered: string}> {
  const project = world.vercel.state().projects.find((candidate) => candidate.id === names.vercelProject);
  const served = (project?.hosts ?? []).map((host) => host.deploymentId ?? 'nothing');
  const service = world.railway.state().services.find((candidate) => candidate.id === names.railwayService);
  const [page, health] = await Promise.all([fetch(world.frontendUrl), fetch(`${world.backendUrl}/api/health`)]);
  await Promise.all([page.arrayBuffer(), health.arrayBuffer()]);
  return {
    frontend: [...new Set(served)].join('+'),
    backend: service?.servingCommit ?? 'nothing',
    answers: page.ok && health.ok,
    answered: `the page ${page.status}, the health check ${health.status}`,
  };
}

/** Opens the newest set with nothing of this suite: `gpg` and `pg_restore`, or openpgp.js where GnuPG is not installed. */
export async function openNewestSet(world: World): Promise<Check[]> {
  const keys = world.s3.objects(names.bucket).map((object) => object.key);
  const manifests = keys.filter((key) => key.endsWith('/manifest.json')).toSorted();
  const newest = manifests.at(-1);
  if (!newest) return [check(false, 'no sealed set is in the bucket')];
  const folder = newest.slice(0, -'manifest.json'.length);
  const dump = keys.find((key) => key.startsWith(folder) && /database|data|dump/.test(key) && key.endsWith('.pgp'));
  if (!dump) return [check(false, `the set ${folder} holds no encrypted dump`)];
  const scratch = await mkdtemp(join(tmpdir(), 'switchback-open-'));
  try {
    const cipher = join(scratch, 'dump.pgp');
    const plain = join(scratch, 'dump');
    await writeFile(cipher, await world.s3.read(names.bucket, dump));
    const how = await decryptFile(world, cipher, plain, scratch);
    const listing = await capture(join(world.postgres.binDir, 'pg_restore'), ['--list', plain], {});
    const tables = [...listing.output.matchAll(/TABLE DATA public (\w+)/g)].map((match) => match[1]!);
    return [
      check(how.ok, how.text),
      check(
        listing.status === 0 && tables.includes('items'),
        `pg_restore --list reads it: ${tables.length ? tables.join(', ') : listing.output.slice(0, 200)}`,
      ),
    ];
  } finally {
    await rm(scratch, {recursive: true, force: true});
  }
}

async function decryptFile(world: World, cipher: string, plain: string, scratch: string): Promise<Check> {
  const env = {PATH: process.env['PATH'] ?? '', HOME: scratch, GNUPGHOME: scratch};
  const keyFile = join(scratch, 'key.asc');
  await writeFile(keyFile, world.keys.privateKey, {mode: 0o600});
  const imported = await capture('gpg', ['--batch', '--quiet', '--import', keyFile], env);
  if (imported.status === undefined) return decryptWithLibrary(world, cipher, plain);
  const opened = await capture(
    'gpg',
    ['--batch', '--quiet', '--yes', '--pinentry-mode', 'loopback', '--output', plain, '--decrypt', cipher],
    env,
  );
  await capture('gpgconf', ['--kill', 'all'], env);
  return check(
    opened.status === 0,
    opened.status === 0
      ? 'gpg --decrypt opens the dump from the bucket'
      : `gpg --decrypt failed: ${opened.output.slice(0, 300)}`,
  );
}

async function decryptWithLibrary(world: World, cipher: string, plain: string): Promise<Check> {
  const {readFile} = await import('node:fs/promises');
  const privateKey = await readPrivateKey({armoredKey: world.keys.privateKey});
  const decryptionKeys = privateKey.isDecrypted() ? privateKey : await decryptKey({privateKey});
  const {data} = await decrypt({
    message: await readMessage({binaryMessage: await readFile(cipher)}),
    decryptionKeys,
    format: 'binary',
  });
  await writeFile(plain, data as Uint8Array);
  return check(true, 'openpgp.js opens the dump from the bucket (install GnuPG to see gpg do it)');
}

/** Runs a program without a shell; status undefined when it is not installed. */
function capture(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{status: number | undefined; output: string}> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {env: {...process.env, ...env}, stdio: ['ignore', 'pipe', 'pipe']});
    let output = '';
    const add = (chunk: Buffer) => {
      if (output.length < 1_000_000) output += chunk.toString();
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.on('error', () => resolve({status: undefined, output: `${command} is not installed`}));
    child.on('close', (status) => resolve({status: status ?? 1, output}));
  });
}
