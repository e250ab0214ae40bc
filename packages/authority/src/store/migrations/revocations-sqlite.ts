/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const revocationsSqlite: readonly string[] = [
  'ALTER TABLE "revocations" ADD COLUMN "before_seconds" INTEGER',
  'ALTER TABLE "revocations" ADD COLUMN "sealed_note" TEXT',
  'ALTER TABLE "revocations" ADD COLUMN "undo" TEXT',
  'ALTER TABLE "revocations" ADD COLUMN "undone_at" INTEGER',
  'ALTER TABLE "revocations" ADD COLUMN "run" TEXT',
  'ALTER TABLE "revocations" ADD COLUMN "resume_at" INTEGER',
  'CREATE INDEX "revocations_by_resume_at" ON "revocations" ("resume_at")',
];
