import {randomUUID} from 'node:crypto';
import {link, mkdir, open, readFile, rename, rm, stat, truncate, writeFile} from 'node:fs/promises';
import {hostname} from 'node:os';
import {dirname} from 'node:path';
import {type Clock, systemClock} from '../kernel/clock.js';
import {Failure} from '../kernel/errors.js';
import type {LedgerFile} from '../ledger/file-store.js';

/** How long another process may hold the lock before it counts as dead, and how long we wait for it. */
const staleMs = 60_000;
const waitMs = 15_000;

/**
 * The ledger's file on this machine. Writers exclude each other by a lock file beside it; one left by a process that is
 * gone is taken over.
 */
export function ledgerFile(path: string, clock: Clock = systemClock): LedgerFile {
  return {
    read: () => readFile(path, 'utf8').catch(emptyWhenAbsent),
    append: async (text) => {
      await mkdir(dirname(path), {recursive: true});
      const file = await open(path, 'a', 0o600);
      try {
        await file.appendFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
    },
    truncate: (bytes) => truncate(path, bytes),
    locked: async (work) => {
      await mkdir(dirname(path), {recursive: true});
      const release = await lock(`${path}.lock`, clock);
      try {
        return await work();
      } finally {
        await release();
      }
    },
  };
}

async function lock(path: string, clock: Clock): Promise<() => Promise<void>> {
  for (let waitedMs = 0; waitedMs < waitMs; waitedMs += 25) {
    try {
      await writeFile(path, `${process.pid} ${hostname()} ${randomUUID()}\n`, {flag: 'wx', mode: 0o600});
      return () => rm(path, {force: true});
    } catch (error) {
      if ((error as {code?: string}).code !== 'EEXIST') throw error;
    }
    const stale = await staleHolder(path);
    if (stale) await takeAway(path, stale);
    else await clock.sleep(25);
  }
  throw new Failure('LEDGER_LOCKED', `Another process holds the ledger's lock ${path}`, {
    remedy: 'Wait until the other run has ended; when there is none, remove the lock file.',
    retryable: true,
  });
}

/** The lock's text when whoever wrote it is gone. */
async function staleHolder(path: string): Promise<string | undefined> {
  try {
    const [holder, {mtimeMs}] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const [pid, host] = holder.trim().split(' ');
    const isDead = host === hostname() && Number(pid) > 0 && !isAlive(Number(pid));
    return isDead || Date.now() - mtimeMs > staleMs ? holder : undefined;
  } catch {
    // It went away while we looked.
    return undefined;
  }
}

/** Moves the lock aside before removing it: another waiter may have replaced the stale one by its own meanwhile. */
async function takeAway(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, path).catch(() => undefined);
  await rm(aside, {force: true});
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as {code?: string}).code === 'EPERM';
  }
}

function emptyWhenAbsent(error: unknown): string {
  if ((error as {code?: string}).code === 'ENOENT') return '';
  throw error;
}
