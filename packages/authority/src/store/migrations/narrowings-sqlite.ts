/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const narrowingsSqlite: readonly string[] = [
  `CREATE TABLE "narrowings" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "former" TEXT NOT NULL,
    "narrowed" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "trial_ends_at" INTEGER NOT NULL,
    "ended_at" INTEGER,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "narrowings_by_tenant_kind_target_id_created_at_id" ON "narrowings" (
    "tenant",
    "kind",
    "target_id",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "narrowings_by_status_trial_ends_at_tenant_id" ON "narrowings" (
    "status",
    "trial_ends_at",
    "tenant",
    "id"
  )`,
];
