import {loadConfig} from '../config/load-config.js';
import type {Config} from '../config/schema.js';
import {oneLine} from '../kernel/text.js';
import {factOf, stateOf} from '../ledger/history.js';
import type {ReleaseRecord} from '../ledger/record.js';
import {openLedger, pinSentence} from '../release/ledger-access.js';
import type {Ended, Terminal} from './action.js';
import {columns} from './plain-text.js';

/** The releases of the ledger, newest first. */
export async function history(limit: number, configFile: string, terminal: Terminal): Promise<Ended> {
  const {store} = await open(configFile, terminal);
  const records: ReleaseRecord[] = [];
  for await (const record of store.list(limit)) records.push(record);
  return {
    outputs: {releases: JSON.stringify(records.map(row))},
    summary: records.length === 0 ? 'The ledger holds no release.' : table(records).join('\n'),
  };
}

/** The pin that holds production, or its release. */
export async function pins(what: 'list' | 'release', configFile: string, terminal: Terminal): Promise<Ended> {
  const {store} = await open(configFile, terminal);
  if (what === 'release') {
    const released = await store.unpin(terminal.env['GITHUB_ACTOR'] ?? terminal.env['USER'] ?? 'terminal', Date.now());
    return {
      outputs: {released: String(released.length)},
      summary:
        released.length === 0
          ? 'There was no pin.'
          : released.map((pin) => `Released: ${oneLine(pinSentence(pin))}`).join('\n'),
    };
  }
  const pin = await store.activePin(Date.now());
  return {
    outputs: {pinned: String(pin !== undefined), ...(pin && {pin: JSON.stringify(pin)})},
    summary: pin ? `Production is ${oneLine(pinSentence(pin))}` : 'No pin: releases are promoted.',
  };
}

async function open(configFile: string, {env, signal, console}: Terminal) {
  const root = env['GITHUB_WORKSPACE'] ?? process.cwd();
  const {config} = (await loadConfig(configFile, {root}))!;
  if (env['GITHUB_TOKEN']) console.hide(env['GITHUB_TOKEN']);
  return openLedger(
    config as Config,
    {'github-token': env['GITHUB_TOKEN']},
    {
      env,
      signal,
      annotate: ({level, message}) => console.alert(level, `${level}: ${message}`),
    },
  );
}

function row(record: ReleaseRecord) {
  return {
    release: record.release,
    state: stateOf(record),
    commit: record.commit,
    created: new Date(record.createdAtMs).toISOString(),
    frontend: factOf(record, 'frontend'),
    backend: factOf(record, 'backend'),
    'ledger-id': record.id,
    run: record.runUrl,
  };
}

function table(records: readonly ReleaseRecord[]): string[] {
  return columns(
    ['when (UTC)', 'release', 'state', 'commit', 'frontend', 'backend'],
    records
      .map(row)
      .map(({created, release, state, commit, frontend, backend}) => [
        created.slice(0, 16).replace('T', ' '),
        oneLine(release),
        state,
        commit.slice(0, 7),
        oneLine(frontend ?? '–', 40),
        oneLine(backend ?? '–', 40),
      ]),
  );
}
