/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const clientUsesSqlite: readonly string[] = [
  `CREATE TABLE "client_uses" (
    "tenant" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "used_at" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "client_id")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "client_uses_by_used_at" ON "client_uses" (
    "used_at"
  )`,
  `INSERT INTO "client_uses" ("tenant", "client_id", "used_at")
      SELECT "tenant", "client_id", "updated_at" FROM "clients"
      WHERE json_extract("metadata", '$.source') IN ('registration', 'document')`,
];
