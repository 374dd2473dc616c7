import {existsSync, readdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect, test} from '@jest/globals';
import {refusalsOf} from '../../src/rehearsal/engine/engine.js';
import {oneJob, openGround} from './engine-ground.js';

// Row 40, over everything that is shipped: expressions, contexts, inputs and keys of all workflows and composites.

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const workflows = readdirSync(join(root, '.github/workflows')).filter((name) => /\.ya?ml$/.test(name));
const composites = readdirSync(join(root, 'actions')).filter((name) =>
  existsSync(join(root, 'actions', name, 'action.yml')),
);

/** Folders are only looked into for composites; these are built for GitHub's runners and never run here. */
const forGitHubOnly = new Set(['ci.yml', 'publish.yml']);

test.each(workflows.filter((name) => !forGitHubOnly.has(name)))('40 the engine runs all of %s', async (name) => {
  expect(await refusalsOf(join(root, '.github/workflows', name), root)).toEqual([]);
});

test('40 every shipped action can be read', async () => {
  using ground = openGround();
  ground.write(
    '.github/workflows/test.yml',
    oneJob(composites.map((name) => `- uses: suite/suite/actions/${name}@v1`).join('\n')),
  );
  expect(
    await refusalsOf(join(ground.root, 'repo/.github/workflows/test.yml'), join(ground.root, 'repo'), {
      'suite/suite': root,
    }),
  ).toEqual([]);
});
