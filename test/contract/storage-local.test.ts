import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {faulty} from '../../src/storage/faults.js';
import {openLocalStore} from '../../src/storage/local/local-store.js';
import {retrying} from '../../src/storage/retrying.js';
import {describeStore} from './storage-conformance.js';

async function openFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'switchback-store-'));
  return {store: openLocalStore(folder), close: () => rm(folder, {recursive: true, force: true})};
}

describeStore('a local folder', openFolder);

describeStore('a local folder behind the retrying wrapper, with a fault before every kind of answer', async () => {
  const {store, close} = await openFolder();
  const faults = (['put', 'get', 'head', 'list', 'delete', 'abandon'] as const).flatMap((operation) => [
    {operation, kind: 'refuse' as const, times: 2},
    {operation, kind: 'lose-answer' as const, times: 1},
  ]);
  return {store: retrying(faulty(store, faults), {delaysMs: [0, 0, 0, 0]}), close};
});
