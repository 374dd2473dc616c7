import {expect, test} from '@jest/globals';
import type {Terminal} from '../../src/cli/action.js';
import {recover} from '../../src/cli/recover.js';

test('--store reaches every step that reads or writes sets, and no copy is waited for', async () => {
  const asked: Record<string, Record<string, string | undefined>> = {};
  const began: Record<string, string> = {stage: 'recover', restore: 'true', 'database-state': 'live', 'set-id': 'x'};
  const console = {heading: () => {}, line: () => {}, alert: () => {}};
  const terminal = {console, signal: new AbortController().signal} as unknown as Terminal;
  await recover(
    {
      database: true,
      rebuild: false,
      store: 'also',
      step: async (action, read) => {
        asked[`${action} ${read('mode') ?? ''}`.trim()] = {store: read('store'), copy: read('copy')};
        return {outputs: action === 'recovery' ? began : {}} as never;
      },
    },
    terminal,
  );
  expect(asked).toMatchObject({
    'recovery begin': {store: 'also'},
    backup: {store: 'also', copy: 'false'},
    'restore in-place': {store: 'also'},
  });
});
