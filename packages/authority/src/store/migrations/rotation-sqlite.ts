/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const rotationSqlite: readonly string[] = [
  `CREATE TABLE "rotation_rules" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "target_kind" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "definition" TEXT NOT NULL,
    "due_at" INTEGER NOT NULL,
    "cause" TEXT,
    "run_id" TEXT,
    "fault" TEXT,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name"),
    UNIQUE ("tenant", "target_kind", "target_id")
  ) STRICT`,
  `CREATE INDEX "rotation_rules_by_due_at" ON "rotation_rules" (
    "due_at"
  )`,
  `CREATE TABLE "rotation_runs" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "rule" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "due_at" INTEGER NOT NULL,
    "started_at" INTEGER NOT NULL,
    "sealed_secret" BLOB,
    "progress" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "rotation_runs_by_tenant_rule_started_at_id" ON "rotation_runs" (
    "tenant",
    "rule",
    "started_at",
    "id"
  )`,
  `CREATE INDEX "rotation_runs_by_due_at" ON "rotation_runs" (
    "due_at"
  )`,
  `CREATE INDEX "rotation_runs_by_expires_at_seconds" ON "rotation_runs" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "rotation_places" (
    "place" TEXT NOT NULL,
    "tenant" TEXT NOT NULL,
    "rule" TEXT NOT NULL,
    PRIMARY KEY ("place")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "rotation_places_by_tenant_rule_place" ON "rotation_places" (
    "tenant",
    "rule",
    "place"
  )`,
];
