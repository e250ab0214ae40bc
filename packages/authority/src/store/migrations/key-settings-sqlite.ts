/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const keySettingsSqlite: readonly string[] = [
  'ALTER TABLE "keys" ADD COLUMN "purpose" TEXT',
  'ALTER TABLE "keys" ADD COLUMN "tags" TEXT',
  'ALTER TABLE "keys" ADD COLUMN "allowed_countries" TEXT',
  'ALTER TABLE "keys" ADD COLUMN "denied_countries" TEXT',
  'ALTER TABLE "keys" ADD COLUMN "sealed_secret" BLOB',
  'ALTER TABLE "keys" ADD COLUMN "budget" TEXT',
  'ALTER TABLE "keys" ADD COLUMN "unused_told_at" INTEGER',
];
