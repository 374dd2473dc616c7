import {existsSync, readFileSync} from 'node:fs';
import {expect, test} from '@jest/globals';
import {buildSchema, parse, validate} from 'graphql';
import * as documents from '../../src/platforms/railway/documents.js';
import {allDocuments} from '../../src/platforms/railway/documents.js';

// The published schema is not part of this repository; without it at hand these checks cannot run, and say so.
const schemaPath =
  process.env.SWITCHBACK_RAILWAY_SCHEMA ??
  new URL('../../../shared/reference/railway-schema.graphql', import.meta.url).pathname;
const atHand = existsSync(schemaPath);
if (!atHand)
  process.stdout.write(
    'railway-documents: skipped against the published schema, set SWITCHBACK_RAILWAY_SCHEMA to its SDL file to run\n',
  );
const withSchema = atHand ? test : test.skip;
const schema = atHand ? buildSchema(readFileSync(schemaPath, 'utf8')) : undefined;

withSchema.each(allDocuments.map((document) => [document.name, document.text] as const))(
  '%s is valid against the published schema',
  (_name, text) => {
    expect(validate(schema!, parse(text)).map((error) => error.message)).toEqual([]);
  },
);

withSchema('the check can fail: a wrong field is found', () => {
  expect(validate(schema!, parse('mutation Wrong { deploymentRollback(id: "x") { id } }'))).not.toEqual([]);
});

test('every document has the operation name it announces, once', () => {
  for (const document of allDocuments) {
    const operations = parse(document.text).definitions.map((d) =>
      d.kind === 'OperationDefinition' ? [d.operation, d.name?.value] : [d.kind],
    );
    expect(operations).toEqual([[document.kind, document.name]]);
  }
  expect(new Set(allDocuments.map((document) => document.name)).size).toBe(allDocuments.length);
});

test('no document is left out of the list', () => {
  const exported = Object.entries(documents).filter(([name]) => name.endsWith('Document'));
  expect(new Set(exported.map(([, value]) => (value as {name: string}).name))).toEqual(
    new Set(allDocuments.map((document) => document.name)),
  );
});
