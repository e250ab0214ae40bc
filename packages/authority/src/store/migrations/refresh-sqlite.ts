/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const refreshSqlite: readonly string[] = [
  `CREATE TABLE "refresh_successors" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "generation" INTEGER NOT NULL,
    "sealed" BLOB NOT NULL,
    "asked" TEXT NOT NULL,
    "binding" TEXT,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "refresh_successors_by_expires_at_seconds" ON "refresh_successors" (
    "expires_at_seconds"
  )`,
  `CREATE INDEX "revocations_by_tenant_target_kind_target_id_position" ON "revocations" (
    "tenant",
    "target_kind",
    "target_id",
    "position"
  )`,
];
