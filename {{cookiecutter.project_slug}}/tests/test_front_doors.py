"""What each front door exports. The rest of the project may use only these names."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import app.core

# The exported names, by package. Your own apps need not be here.
EXPORTS = {
    "app.accounts": """
        AccessToken Accounts AccountsError AuthenticatedUser AuthenticationBackend CurrentUser Fault Group
        InvalidCredentials InvalidPassword InvalidRefreshToken InvalidToken JWTAuthentication JWTBearer Names
        NotAllowed NotFound OptionalUser ProfileUpdate Taken Token UseCases User UserRead UserRegister WrongPassword
        credentials find_caller open_accounts requires
    """,
    "app.admin": """
        ModelAdmin Refused acting_user action new_session
    """,
    "app.core.audit": """
        NOBODY Actor AppendOnly AuditEntry acting count_old_entries delete_old_entries place record
    """,
    "app.core.cli": """
        CommandError ask ask_password asynchronous main open_application open_database print_table progress say
    """,
    "app.core.db": """
        COUNT_CAP KEYS MAX_LIMIT NEWEST ONE_LINE PROJECT STORABLE Base CursorPage CursorPaging CursorQuery Database
        DatabaseUnavailable Db Diverged DumpError Int32 Json Page PageQuery Paging ScratchRefused Slug Text Timestamp
        UTCDateTime UnknownMigrations by_code_point capped_count cause_of declared_permissions dump_rows find_referred
        get_session input_type is_away is_conflict is_dump is_in_step is_needed is_text is_unfit is_unmigrated
        keys_by_prefix known_migrations later_migrations load_rows lost_references make_migration merge_migrations
        migrate migration_folders migration_history new_revision ordered_by paginate paginate_by_cursor
        pending_migrations quantized row_count row_counts scratch_database search slugify stored_type taken_columns
        undo_history unique_slug upsert utcnow
    """,
    "app.core.mail": """
        MailDelayed MailError MailRefused Mailer MemoryMailer compose deliver make_mailer
    """,
    "app.core.ops": """
        Check Health Level Probe Problem check counted forget_process health_of install_health install_metrics misspelt
        origins run_checks shown
    """,
    "app.core.settings": """
        BASE_DIR KEEPALIVES LOCAL_HOSTS PROJECT TITLE CommaSeparated DatabaseURL EmailURL HostPatterns LibpqParameters
        Mailbox OptionalDatabaseURL OptionalRedisURL OptionalSecret PublicURL Rate SecretList SettingsError SigningKey
        SigningKeys create_private is_loopback libpq_parameters make_secret others_can_read parse_address
        parse_database_url parse_rate refuse_unreadable update_env write_env write_private
    """,
    "app.core.tasks": """
        WORKER_CONNECTIONS BackgroundJob Task TaskQueue Tasks make_task_queue task
    """,
    "app.core.web": """
        ERROR_HEADERS NEVER_SENT REDIS_CONNECTIONS Application EmailAddress ErrorFormat Limiter OAuth2Error Outage
        RouteTemplates ServerBusy Throttle Throttled WebAddress admits client_address conflict_reason error_response
        faults get_or_404 install_docs install_error_handlers install_front_page install_openapi install_static_files
        jinja_environment operation_id page permissions_of prefers_page public raises redis_options render sentences
    """,
}


def packages() -> Iterator[str]:
    """Return the rooms of core and the apps."""
    for path, prefix in ((app.core.__path__, "app.core."), (app.__path__, "app.")):
        for module in pkgutil.iter_modules(path, prefix):
            if module.ispkg and module.name != "app.core":
                yield module.name


def exported(package: str) -> list[str]:
    return list(getattr(import_module(package), "__all__", []))


@pytest.mark.parametrize("package", [name for name in packages() if name in EXPORTS])
def test_a_front_door_exports_what_is_promised(package: str) -> None:
    promised, found = set(EXPORTS[package].split()), set(exported(package))

    aliases = getattr(import_module(package), "DEPRECATED", {})
    missing, new = sorted(promised - found - aliases.keys()), sorted(found - promised)
    assert not missing, f"Others may import {missing} from {package}. Export it again, or name it in DEPRECATED there."
    assert not new, (
        f"{package} exports {new}. To promise to keep it, add it to EXPORTS here. Otherwise remove it from __all__."
    )


@pytest.mark.parametrize("package", list(packages()))
def test_what_a_front_door_exports_is_there(package: str) -> None:
    """An exported name must not be a module of the package: `from package import name` could give either."""
    modules = {module.name for module in pkgutil.iter_modules(import_module(package).__path__)}

    for name in exported(package):
        assert hasattr(import_module(package), name), f"{package} lists {name} in __all__ but does not import it."
        assert name not in modules, f"{package} exports {name} and has a module {name}. Rename one of them."


def test_each_room_of_core_is_listed() -> None:
    rooms = {name for name in packages() if name.startswith("app.core.")}

    assert rooms == {name for name in EXPORTS if name.startswith("app.core.")}
