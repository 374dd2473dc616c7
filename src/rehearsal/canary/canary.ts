import {access, mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {RawText, WorkflowResult} from '../engine/engine.js';
import type {World} from '../world.js';
import {filesBelow, watchArguments} from './places.js';
import {type Sighting, sampleFiles} from './sampler.js';
import {leaksIn} from './shapes.js';

/**
 * The canary walk: every secret of a rehearsal is looked for, in every shape it could take, in everything that a run
 * says, hands over, writes, sends and starts, before the runner masks any of it.
 */
export interface Canary extends AsyncDisposable {
  /** What the workflows get on top of the usual secrets. */
  readonly more: Readonly<Record<string, string>>;
  readonly onRaw: (raw: RawText) => void;
  /** Ends the sampling and looks everywhere. */
  inspect(world: World, results: readonly WorkflowResult[]): Promise<Inspection>;
}

export interface Inspection {
  /** Such as `DATABASE_URL (password, plain) in log of ship`; never the secret. */
  readonly finds: readonly string[];
  readonly secrets: number;
  readonly places: number;
  readonly bytes: number;
  /** Files that held a secret for a moment, readable by their owner alone, and were gone at the end. */
  readonly passing: number;
}

/** A password that must be percent-encoded in an address, and read in two forms therefore. */
export const canaryPassword = 'canary/p@ss word%77+x';

/** Secrets that a rehearsed product does not need, but that its workflows hand on when they are there. */
const unused = {
  VERCEL_PROTECTION_BYPASS: 'canaryProtectionBypass0c91e7a2b4',
  CHECK_SECRETS: 'CANARY_TOKEN=canary-check-token-7731ab\nCANARY_KEY="canaryKeyLineOne5f2c\ncanaryKeyLineTwo8d1e"',
  MAINTENANCE_BYPASS: 'canaryMaintenanceBypass52d0',
} as const;

/**
 * Where a secret has to go to do its work: Railway's edge itself compares the bypass, so its rule holds it, and a
 * rebuild gives a new server its password as a variable.
 */
const belongs: Readonly<Record<string, string>> = {
  MAINTENANCE_BYPASS: 'journal of railway',
  REBUILT_DATABASE_PASSWORD: 'journal of railway',
};

/**
 * @param secrets all that must not get out, by name; values that are no secret (a key's id) are left out.
 * @param world whose folder is watched.
 */
export async function openCanary(world: World, secrets: Readonly<Record<string, string>>): Promise<Canary> {
  const all: Record<string, string> = {...secrets, ...unused};
  const texts = new Map<string, string>();
  // Temporary files of steps land here, since they inherit it.
  const temporary = await mkdtemp(join(tmpdir(), 'canary-'));
  const inherited = process.env['TMPDIR'];
  process.env['TMPDIR'] = temporary;
  const watching = watchArguments(20);
  const sampling = sampleFiles([temporary, world.folder], all);
  let ended: Promise<readonly [string, Sighting[]]> | undefined;
  const end = () => {
    ended ??= Promise.all([watching.stop(), sampling.stop()]);
    return ended;
  };
  return {
    more: unused,
    onRaw: ({job, place, text}) => {
      // Where a secret is told to the runner so that it hides it, it must stand.
      if (place === 'log' && text.startsWith('::add-mask::')) return;
      const name = `${place} of ${job}`;
      texts.set(name, `${texts.get(name) ?? ''}${place === 'log' ? decoded(text) : text}\n`);
    },
    inspect: async (at, results) => {
      const [argumentLists, sightings] = await end();
      const [made] = at.railwayDatabases;
      const sought = {...all, ...(made && {REBUILT_DATABASE_PASSWORD: made.password})};
      const places = {
        ...Object.fromEntries(texts),
        'argument lists': argumentLists,
        results: JSON.stringify(results.map(({jobs}) => jobs)),
        ...journals(at),
        ...named('file', await filesBelow(temporary)),
        ...named('file', ownFiles(await filesBelow(at.folder))),
      };
      const exposed = sightings
        .filter(({isPrivate}) => !isPrivate)
        .flatMap(({leaks}) => leaks.map((leak) => `${leak}, for a moment`));
      const finds = [...new Set([...leaksIn(places, sought), ...exposed])].filter((find) => !isAtHome(find));
      const left = await Promise.all(
        sightings.map(({file}) =>
          access(file).then(
            () => true,
            () => false,
          ),
        ),
      );
      return {
        finds,
        secrets: Object.keys(sought).length,
        places: Object.keys(places).length,
        bytes: Object.values(places).reduce((sum, text) => sum + text.length, 0),
        passing: left.filter((stays) => !stays).length,
      };
    },
    [Symbol.asyncDispose]: async () => {
      await end();
      if (inherited === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = inherited;
      await rm(temporary, {recursive: true, force: true});
    },
  };
}

function isAtHome(find: string): boolean {
  const home = belongs[find.slice(0, find.indexOf(' '))];
  return home !== undefined && find.endsWith(` in ${home}`);
}

/** Commands carry line breaks and percent signs encoded. */
function decoded(line: string): string {
  return line.startsWith('::') ? line.replace(/%0D/g, '\r').replace(/%0A/g, '\n').replace(/%25/g, '%') : line;
}

/**
 * Requests as the stand-ins received them, without the headers that exist to carry a secret, and without what lets an
 * operator past the edge in the one request that tells the edge.
 */
function journals({vercel, railway, github, s3}: World): Record<string, string> {
  return Object.fromEntries(
    Object.entries({vercel, railway, github, s3}).map(([name, {requests}]) => [
      `journal of ${name}`,
      requests.map(journalLine).join('\n'),
    ]),
  );
}

function journalLine(request: World['railway']['requests'][number]): string {
  const line = JSON.stringify(request);
  return request.operation === 'updateServiceEdgeRules' ? line.replaceAll(unused.MAINTENANCE_BYPASS, '') : line;
}

/** What the stand-in of Railway keeps for the backend's process is the platform's, not ours. */
function ownFiles(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).filter(([file]) => !file.startsWith('/railway/') && !file.includes('/.git/objects/')),
  );
}

function named(kind: string, files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([file, text]) => [`${kind} ${file}`, text]));
}
