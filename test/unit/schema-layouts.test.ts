import {describe, expect, test} from '@jest/globals';
import {findLayout, readMigrations} from '../../src/schema/layouts.js';
import {judgeMigrations} from '../../src/schema/verdict.js';

/** What is read from a repository that holds these files. */
async function readAll(files: Readonly<Record<string, string>>, folder?: string) {
  const paths = Object.keys(files);
  const layout = findLayout(paths, folder);
  const migrations = layout ? await readMigrations(layout, {paths, read: async (path) => files[path]!}) : [];
  return {name: layout?.name, migrations, sql: migrations.map((one) => one.sql?.trim())};
}

const create = 'CREATE TABLE a (id int);';
const drop = 'DROP TABLE a;';

describe('SQL files', () => {
  test('plain ones are read in the order of their numbers, without their ways down', async () => {
    const files = {
      'backend/migrations/10_b.sql': drop,
      'backend/migrations/9_a.sql': create,
      'backend/migrations/9_a.down.sql': 'DROP TABLE other;',
      'backend/migrations/U10__b.sql': 'DROP TABLE other;',
      'backend/migrations/README.md': 'about',
      'test/fixtures/migrations/1_x.sql': 'DROP TABLE other;',
    };
    expect(await readAll(files)).toMatchObject({name: 'sql', sql: [create, drop]});
  });

  test.each([
    ['dbmate', `-- migrate:up\n${create}\n-- migrate:down\n${drop}`],
    ['goose', `-- +goose Up\n${create}\n-- +goose Down\n${drop}`],
    ['node-pg-migrate', `-- Up Migration\n${create}\n-- Down Migration\n${drop}`],
  ])('of %s the way up is read', async (_, text) => {
    const {migrations} = await readAll({'db/migrations/001_a.sql': text});
    expect(migrations[0]!.sql).toContain(create);
    expect(migrations[0]!.sql).not.toContain(drop);
  });

  test('a comment that speaks of going down hides nothing', async () => {
    const {migrations} = await readAll({'migrations/1.sql': `-- rollback plan: none\n-- down payments go\n${drop}`});
    expect((await judgeMigrations([], migrations)).verdict).toBe('breaking');
  });

  test('Prisma and Drizzle keep SQL', async () => {
    expect(
      await readAll({
        'prisma/migrations/20260102000000_b/migration.sql': drop,
        'prisma/migrations/20260101000000_a/migration.sql': create,
        'prisma/migrations/migration_lock.toml': '',
      }),
    ).toMatchObject({name: 'prisma', sql: [create, drop]});
    const drizzle = {
      'drizzle/0000_a.sql': `${create}\n--> statement-breakpoint\n${drop}`,
      'drizzle/meta/_journal.json': '{}',
    };
    const {name, migrations} = await readAll(drizzle);
    expect(name).toBe('drizzle');
    expect((await judgeMigrations([], migrations)).statements).toHaveLength(2);
  });

  test('a folder of any name may be named', async () => {
    expect(await readAll({'schema/changes/a.sql': create, 'migrations/1.sql': drop}, 'schema/changes')).toMatchObject({
      name: 'sql',
      sql: [create],
    });
    expect(findLayout(['src/a.ts', 'README.md'])).toBeUndefined();
  });
});

describe('programs', () => {
  const literal: ReadonlyArray<readonly [string, string, string, number]> = [
    [
      'alembic',
      'migrations/versions/a1.py',
      'revision = "a1"\ndown_revision = None\n\ndef upgrade() -> None:\n    """Words."""\n    op.execute("CREATE TABLE a (id int)")\n    # why\n    op.execute(sa.text("""\n        DROP TABLE a\n    """))\n\n\ndef downgrade():\n    op.execute("DROP TABLE other")\n',
      9,
    ],
    [
      'knex',
      'migrations/20260101000000_a.js',
      "exports.up = async function (knex) {\n  await knex.raw('CREATE TABLE a (id int)');\n  await knex.raw(`DROP TABLE a`);\n};\nexports.down = async function (knex) {\n  await knex.raw('DROP TABLE other');\n};\n",
      3,
    ],
    [
      'typeorm',
      'src/migrations/1700000000000-A.ts',
      'export class A1700000000000 implements MigrationInterface {\n  public async up(queryRunner: QueryRunner): Promise<void> {\n    await queryRunner.query(`CREATE TABLE a (id int)`);\n    await queryRunner.query("DROP TABLE a");\n  }\n  public async down(queryRunner: QueryRunner): Promise<void> {\n    await queryRunner.query(`DROP TABLE other`);\n  }\n}\n',
      4,
    ],
    [
      'rails',
      'db/migrate/20260101000000_a.rb',
      'class A < ActiveRecord::Migration[8.0]\n  def up\n    execute "CREATE TABLE a (id int)"\n    execute <<~SQL\n      DROP TABLE a\n    SQL\n  end\n\n  def down\n    execute "DROP TABLE other"\n  end\nend\n',
      5,
    ],
  ];

  test.each(literal)('%s: literal SQL is read, with the lines of the file', async (name, path, text, line) => {
    const read = await readAll({[path]: text});
    expect(read.name).toBe(name);
    const {statements} = await judgeMigrations([], read.migrations);
    expect(statements.map((one) => one.statement)).toEqual(['CREATE TABLE a (id int)', 'DROP TABLE a']);
    expect(statements[1]).toMatchObject({file: path, line});
  });

  test.each([
    ['migrations/versions/a1.py', 'def upgrade():\n    op.execute("SELECT 1")\n    op.drop_column("users", "name")\n'],
    ['migrations/versions/a1.py', 'def upgrade():\n    op.execute(f"DROP TABLE {name}")\n'],
    ['migrations/versions/a1.py', 'def upgrade():\n    op.execute("SELECT 1")\n    helper()\n'],
    ['shop/migrations/0001_initial.py', 'class Migration(migrations.Migration):\n    operations = []\n'],
    ['migrations/20260101000000_a.js', "exports.up = (knex) => {\n  return knex.schema.dropTable('users');\n};\n"],
    ['migrations/20260101000000_a.js', 'exports.up = async (knex) => {\n  await knex.raw(`DROP TABLE ${name}`);\n};\n'],
    [
      'migrations/1700000000000-A.ts',
      'class A {\n  async up(queryRunner) {\n    await queryRunner.query("SELECT 1");\n    if (old) {\n      await queryRunner.query("DROP TABLE a");\n    }\n  }\n}\n',
    ],
    ['db/migrate/20260101000000_a.rb', 'class A\n  def change\n    remove_column :users, :name\n  end\nend\n'],
    ['db/migrate/20260101000000_a.rb', 'class A\n  def up\n    execute "DROP TABLE #{name}"\n  end\nend\n'],
  ])('%s with more to it than literal SQL is unknown (%#)', async (path, text) => {
    const {migrations} = await readAll({[path]: text});
    const {verdict, statements} = await judgeMigrations([], migrations);
    expect(verdict).toBe('unknown');
    expect(statements[0]).toMatchObject({file: path, instead: expect.stringContaining('database.migrations-command')});
  });

  test('Alembic revisions follow their forerunners, not their names', async () => {
    const revision = (id: string, after: string, sql: string) =>
      `revision: str = "${id}"\ndown_revision = ${after}\n\ndef upgrade():\n    op.execute("${sql}")\n`;
    const {sql} = await readAll({
      'alembic/versions/a.py': revision('a', '"f"', 'SELECT 3'),
      'alembic/versions/b.py': revision('b', 'None', 'SELECT 1'),
      'alembic/versions/f.py': revision('f', '"b"', 'SELECT 2'),
      'alembic/versions/g.py': 'revision = "g"\ndown_revision = ("a", "f")\n\ndef upgrade():\n    pass\n',
    });
    expect(sql).toEqual(['SELECT 1;', 'SELECT 2;', 'SELECT 3;', '']);
  });
});
