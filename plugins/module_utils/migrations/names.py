# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of everything that a statement may create, drop or alter, and what of its effect the catalogue
does not show.
"""

from __future__ import annotations

from typing import Any

from .sql import Visitor, ast, functions_in, quoted, writes_inside

# Statements whose whole effect is in the catalogue under a name that they hold.
SEEN = frozenset(
    """AlterDomainStmt AlterEnumStmt AlterExtensionStmt AlterFunctionStmt AlterObjectSchemaStmt AlterOwnerStmt AlterPolicyStmt AlterSeqStmt
    AlterTableStmt CommentStmt CompositeTypeStmt CreateDomainStmt CreateEnumStmt CreateExtensionStmt CreateFunctionStmt CreatePolicyStmt
    CreatePublicationStmt CreateRangeStmt CreateSchemaStmt CreateSeqStmt CreateStatsStmt CreateStmt CreateTableAsStmt CreateTrigStmt DropStmt GrantStmt
    IndexStmt ReindexStmt RenameStmt RuleStmt ViewStmt""".split()  # noqa: E501, SIM905
)
# Statements that leave nothing.
NOTHING = frozenset({"ConstraintsSetStmt", "LockStmt", "TransactionStmt", "VariableShowStmt"})
# What DROP and COMMENT name whose catalogue is not read.
UNSEEN_OBJECTS = frozenset(
    f"OBJECT_{name}"
    for name in """ACCESS_METHOD AMOP AMPROC CAST DATABASE EVENT_TRIGGER FDW FOREIGN_SERVER LANGUAGE LARGEOBJECT OPCLASS OPERATOR OPFAMILY ROLE SUBSCRIPTION
    TABLESPACE TRANSFORM TSCONFIGURATION TSDICTIONARY TSPARSER TSTEMPLATE USER_MAPPING COLLATION CONVERSION PARAMETER_ACL""".split()  # noqa: E501, SIM905
)
COMMENTED = frozenset(
    f"OBJECT_{name}"
    for name in (
        "COLUMN",
        "DOMAIN",
        "FUNCTION",
        "INDEX",
        "MATVIEW",
        "PROCEDURE",
        "SCHEMA",
        "SEQUENCE",
        "TABLE",
        "TYPE",
        "VIEW",
    )
)
# Settings by which a name without its schema means another object from then on.
MOVES_NAMES = ("search_path", "role", "session_authorization")
CASTS = frozenset({"ColumnRef", "Integer", "String", "TypeCast", "TypeName"})
LISTS = ("names", "funcname", "typeName", "domainname", "objname", "object", "defnames")
WORDS = ("schemaname", "extname", "pubname", "subname", "newname", "idxname", "newschema")


def unseen(statement: Any) -> bool:
    """Whether the statement may have an effect that the catalogue does not show, or does not show under a
    name that the statement holds.
    """
    name = type(statement).__name__
    match statement:
        case ast.VariableSetStmt():
            return statement.name in MOVES_NAMES or statement.kind.name == "VAR_RESET_ALL"
        case ast.AlterSeqStmt():
            return any(option.defname in ("restart", "owned_by") for option in statement.options or ())
        case ast.AlterTableStmt():
            return any(_computes(command) for command in statement.cmds)
        case ast.CommentStmt():
            return _kind(statement) not in COMMENTED
        case ast.SelectStmt():
            return bool(functions_in(statement)) or writes_inside(statement) or statement.intoClause is not None
        case ast.GrantStmt() if statement.targtype.name != "ACL_TARGET_OBJECT":
            return True
        case ast.DropStmt(behavior=behavior) if behavior.name == "DROP_CASCADE":
            return _kind(statement) in UNSEEN_OBJECTS or _kind(statement) == "OBJECT_SCHEMA"
    return name not in SEEN | NOTHING or _kind(statement) in UNSEEN_OBJECTS


def _computes(command: Any) -> bool:
    """Whether a change of type computes new values, which it may also do where the type stays."""
    using = command.def_.raw_default if command.subtype.name == "AT_AlterColumnType" else None
    inside: set[str] = set()

    class Finder(Visitor):
        def visit(self, ancestors: Any, node: Any) -> None:
            inside.add(type(node).__name__)

    if using is not None:
        Finder()(using)
    return not inside <= CASTS


def _kind(statement: Any) -> str:
    for attribute in ("removeType", "objtype", "objectType", "renameType"):
        kind = getattr(statement, attribute, None)
        if kind is not None:
            return str(kind.name)
    return ""


def names_in(statement: Any) -> set[str]:
    """Every name of at most two parts that the statement holds, quoted as SQL. Some name nothing; that does no harm."""
    found: set[str] = set()

    def add(parts: Any) -> None:
        texts = [part.sval for part in parts if isinstance(part, ast.String)]
        if texts and len(texts) == len(parts) and texts[0] != "pg_catalog":
            found.add(quoted(parts[-2:] if len(parts) > 2 else parts))
            if len(parts) > 1:  # the table of a column, a trigger, a policy
                found.add(quoted(parts[:-1][-2:]))

    class Finder(Visitor):
        def visit(self, ancestors: Any, node: Any) -> None:
            if isinstance(node, ast.RangeVar):
                found.add(quoted(node))
            for attribute in LISTS:
                value = getattr(node, attribute, None)
                if isinstance(value, tuple):
                    add(value)
            for attribute in WORDS:
                word = getattr(node, attribute, None)
                if isinstance(word, str):
                    found.add(quoted(word))

    Finder()(statement)
    match statement:
        case ast.DropStmt() | ast.GrantStmt():
            for each in statement.objects or ():
                add(each if isinstance(each, tuple) else [each])
        case ast.CommentStmt(object=ast.String()):
            add([statement.object])
        case ast.IndexStmt() if statement.idxname:
            found.add(quoted(statement.relation, statement.idxname))
        case ast.RenameStmt() if statement.relation is not None:
            found.add(quoted(statement.relation, statement.newname))
        case ast.RenameStmt() | ast.AlterObjectSchemaStmt():
            found.update(_moved(statement))
    return found


def _moved(statement: Any) -> set[str]:
    """The name that an object has afterwards, in the schema that it has then."""
    named = getattr(statement.object, "objname", statement.object) or ()
    parts = [part.sval for part in named] if isinstance(named, tuple) else []
    if statement.relation is not None:
        parts = [statement.relation.relname]
    if not parts:
        return set()
    if isinstance(statement, ast.AlterObjectSchemaStmt):
        return {f"{quoted(statement.newschema)}.{quoted(parts[-1])}"}
    return {".".join(map(quoted, [*parts[:-1], statement.newname]))}
