/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const keySettingsPostgres: readonly string[] = [
  'ALTER TABLE "keys" ADD COLUMN "purpose" text COLLATE "C"',
  'ALTER TABLE "keys" ADD COLUMN "tags" text COLLATE "C"',
  'ALTER TABLE "keys" ADD COLUMN "allowed_countries" text COLLATE "C"',
  'ALTER TABLE "keys" ADD COLUMN "denied_countries" text COLLATE "C"',
  'ALTER TABLE "keys" ADD COLUMN "sealed_secret" bytea',
  'ALTER TABLE "keys" ADD COLUMN "budget" text COLLATE "C"',
  'ALTER TABLE "keys" ADD COLUMN "unused_told_at" bigint',
];
