//! What can be audited: a closed list, as stable words.

use serde::{Deserialize, Serialize};

macro_rules! actions {
    ($($name:ident $word:literal),+ $(,)?) => {
        /// An action of the audit trail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Action {
            $(#[serde(rename = $word)] $name,)+
        }

        impl Action {
            pub const ALL: &[Action] = &[$(Action::$name),+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Action::$name => $word,)+
                }
            }
        }
    };
}

actions! {
    AccountRegistered "account.registered",
    AccountEmailVerified "account.email_verified",
    AccountApproved "account.approved",
    AccountRejected "account.rejected",
    AccountSuspended "account.suspended",
    AccountResumed "account.resumed",
    AccountClosed "account.closed",
    AccountUpdated "account.updated",
    AccountPasswordChanged "account.password_changed",
    AccountSecondFactorReset "account.second_factor_reset",
    AccountSessionsEnded "account.sessions_ended",
    AccountRolesChanged "account.roles_changed",
    AuthLoginOk "auth.login.ok",
    AuthLoginFail "auth.login.fail",
    AuthMfa "auth.mfa",
    AuthMfaEnrolled "auth.mfa_enrolled",
    AuthPsc "auth.psc",
    AuthCps "auth.cps",
    AuthLogout "auth.logout",
    AuthLockout "auth.lockout",
    AuthReauthenticated "auth.reauthenticated",
    ConsultationCreated "consultation.created",
    ConsultationRescheduled "consultation.rescheduled",
    ConsultationOpened "consultation.opened",
    ConsultationStarted "consultation.started",
    ConsultationInterrupted "consultation.interrupted",
    ConsultationResumed "consultation.resumed",
    ConsultationExtended "consultation.extended",
    ConsultationEnded "consultation.ended",
    ConsultationCancelled "consultation.cancelled",
    ConsultationNoShow "consultation.no_show",
    ConsultationExpired "consultation.expired",
    ConsultationUpgraded "consultation.upgraded",
    ConsultationValidated "consultation.validated",
    ConsultationPurged "consultation.purged",
    InvitationSent "invitation.sent",
    InvitationDelivered "invitation.delivered",
    InvitationFailed "invitation.failed",
    InvitationOpened "invitation.opened",
    InvitationResent "invitation.resent",
    InvitationRevoked "invitation.revoked",
    ParticipantIdentityCheck "participant.identity_check",
    ParticipantConsent "participant.consent",
    ParticipantWaiting "participant.waiting",
    ParticipantAdmitted "participant.admitted",
    ParticipantDenied "participant.denied",
    ParticipantJoined "participant.joined",
    ParticipantLeft "participant.left",
    ParticipantRemoved "participant.removed",
    ParticipantRoleChanged "participant.role_changed",
    DocumentUploaded "document.uploaded",
    DocumentScanned "document.scanned",
    DocumentRejected "document.rejected",
    DocumentSent "document.sent",
    DocumentOpened "document.opened",
    DocumentDownloaded "document.downloaded",
    DocumentWithdrawn "document.withdrawn",
    DocumentReplaced "document.replaced",
    SignatureImageSet "signature.image_set",
    SignaturePlaced "signature.placed",
    SignatureSealed "signature.sealed",
    PaymentRequested "payment.requested",
    PaymentPaid "payment.paid",
    PaymentFailed "payment.failed",
    PaymentCancelled "payment.cancelled",
    PaymentRefunded "payment.refunded",
    PaymentActivationRequested "payment.activation_requested",
    PaymentAccountEnabled "payment.account_enabled",
    FormSaved "form.saved",
    FormValidated "form.validated",
    ReportGenerated "report.generated",
    ReportDownloaded "report.downloaded",
    ReportAddendum "report.addendum",
    ExportFhir "export.fhir",
    ExportCda "export.cda",
    ExportZip "export.zip",
    ExportBillingSheet "export.billing_sheet",
    PatientCreated "patient.created",
    PatientUpdated "patient.updated",
    PatientIdentityStatusChanged "patient.identity_status_changed",
    PatientNirViewed "patient.nir_viewed",
    PatientExported "patient.exported",
    PatientErased "patient.erased",
    AdminSettingChanged "admin.setting_changed",
    AdminRetentionChanged "admin.retention_changed",
    AdminUserImpersonation "admin.user_impersonation",
    AdminAdapterTested "admin.adapter_tested",
    AdminAuditVerified "admin.audit_verified",
    SupportBundleMade "support.bundle_made",
    SupportBundleViewed "support.bundle_viewed",
    SupportLinkResent "support.link_resent",
    SupportWindowExtended "support.window_extended",
    ApiClientCreated "api.client_created",
    ApiSecretRotated "api.secret_rotated",
    ApiScopeDenied "api.scope_denied",
    AccessDenied "access.denied",
    WebhookDisabled "webhook.disabled",
    SecurityRateLimited "security.rate_limited",
    SecuritySecretBruteforce "security.secret_bruteforce",
    SecuritySasMismatchReported "security.sas_mismatch_reported",
    BackupMade "backup.made",
}
