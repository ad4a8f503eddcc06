# What the server writes to people. Attributes: subject, body, action (the link's button), after, sms.
# sms: GSM-7 alphabet, one segment, no word about health.

weekday = { $weekday ->
    [1] Monday
    [2] Tuesday
    [3] Wednesday
    [4] Thursday
    [5] Friday
    [6] Saturday
   *[7] Sunday
}
month = { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
}
when = { weekday } { $day } { month } { $year } at { $hour }:{ $minute }{ $elsewhere ->
    [yes] {" "}({ $zone } time)
   *[no] {""}
}
short-date = { $day2 }/{ $month2 }
short-time = { $hour }:{ $minute }
amount = €{ $euros }.{ $cents }
footer = { $organisation }. This message is sent automatically. We never ask for your password by mail.
link-below = Or copy this address into your browser:

registration-confirm =
    .subject = Confirm your address
    .body =
        Hello,

        You asked to register with this address. Please confirm that it is yours.

        This link works once. It is valid for 24 hours.
    .action = Confirm my address
    .after = Was it not you? Do nothing: the registration erases itself.
registration-exists =
    .subject = You are registered already
    .body =
        Hello,

        Somebody asked to register with this address. It has an account already, and nothing has changed.

        If it was you, log in. Forgot the password? The login page lets you choose another.
registration-pending =
    .subject = A registration waits for you
    .body =
        Hello,

        Somebody confirmed their address and waits for your decision. You find them in the list of registrations.
registration-validated =
    .subject = Your registration is approved
    .body =
        Hello,

        Your registration is approved. You can log in.

        Keep the login page in your bookmarks. A recent browser is enough: Firefox, Chrome, Edge or Safari.
    .action = Log in
registration-refused =
    .subject = Your registration was not accepted
    .body =
        Hello,

        Your registration was not accepted.{ $has-reason ->
            [yes] {" "}Reason: { $reason }
           *[no] {""}
        }
password-reset =
    .subject = Choose a new password
    .body =
        Hello,

        You asked for a new password. This link works once. It is valid for one hour.
    .action = Choose a password
    .after = Was it not you? Do nothing: your password stays the same.
password-changed =
    .subject = Your password was changed
    .body =
        Hello,

        The password of your account was just changed. All sessions were closed.

        Was it not you? Ask for a new password on the login page at once.
second-factor-set =
    .subject = Two-step login is on
    .body =
        Hello,

        Your account now asks for a code at each login. Keep your recovery codes in a safe place.

        Was it not you? Tell your administrator.
second-factor-reset =
    .subject = Your two-step login was reset
    .body =
        Hello,

        An administrator reset the two-step login of your account. All sessions were closed. At your next login you set up a new one.

        You did not ask for it? Tell your administrator at once.
account-closed =
    .subject = Your account is closed
    .body =
        Hello,

        Your account was closed. Your name, address, password and signature were erased. This is the last message.

        You did not ask for it? Tell your administrator. You can register again with this address.
recovery-code-used =
    .subject = A recovery code was used
    .body =
        Hello,

        Somebody logged in to your account with a recovery code. That code will not work again.

        Was it not you? Change your password and tell your administrator.
login-alert =
    .subject = New login to your account
    .body =
        Hello,

        There was a login from a new browser, { when }.

        Was it not you? Change your password.
account-locked =
    .subject = Login blocked for a while
    .body =
        Hello,

        There were too many tries to log in to your account. It is blocked until { when }.

        Was it not you? Tell your administrator.

invitation =
    .subject = Video appointment, { when }
    .body =
        Hello,

        { $recipient ->
            [patient] { $professional } expects you by video on { when }. There is nothing to install.
            [carer] { $professional } expects you by video on { when }, with the person you look after. There is nothing to install.
            [facility] A video appointment with { $professional } takes place at your facility on { when }. There is nothing to install.
            [interpreter] { $professional } expects you as an interpreter by video on { when }. There is nothing to install.
            [colleague] { $professional } invites you to join a video appointment on { when }.
           *[bedside_professional] { $professional } invites you to a video appointment on { when }, at the person's side.
        }

        At that time, open this link on a computer, a tablet or a phone. Keep this message.
    .action = Join the appointment
    .after = This link is for you. Do not pass it on.
    .sms = { $recipient ->
        [patient] Hello, your video appointment is on { short-date } at { short-time }. Tap this link at that time: { $link }
        [carer] Hello, your relative's video appointment is on { short-date } at { short-time }. Tap this link then: { $link }
       *[other] Hello, video appointment on { short-date } at { short-time }. Link to take part: { $link }
    }
moved =
    .subject = Video appointment moved, { when }
    .body =
        Hello,

        The video appointment with { $professional } was moved. It takes place on { when }.

        The link stays the same. Keep this message.
    .action = Join the appointment
    .after = This link is for you. Do not pass it on.
    .sms = Your video appointment was moved to { short-date } at { short-time }. Keep this link: { $link }
cancelled =
    .subject = Video appointment cancelled
    .body =
        Hello,

        The video appointment with { $professional }, { when }, is cancelled. The link works no more.

        Please contact your professional for another one.
    .sms = Your video appointment of { short-date } at { short-time } is cancelled. Please get in touch for another one.
reminder =
    .subject = Reminder: video appointment, { when }
    .body =
        Hello,

        Reminder: { $professional } expects you by video on { when }.

        At that time, open this link. There is nothing to install.
    .action = Join the appointment
    .sms = Reminder: video appointment on { short-date } at { short-time }. Link: { $link }
immediate-call =
    .subject = You are expected by video
    .body =
        Hello,

        Your professional is waiting for you by video, now. There is nothing to install.

        This link is valid for { $minutes } minutes.
    .action = Join the call
    .sms = You are expected in a video call. Tap this link to join: { $link } (valid { $minutes } min)

documents-available =
    .subject = A document waits for you
    .body =
        Hello,

        A document waits for you. You can read and save it until { when }.
    .action = See the document
    .sms = A document waits for you here: { $link } (until { short-date } at { short-time })
payment-requested =
    .subject = Amount to pay: { amount }
    .body =
        Hello,

        Amount to pay: { amount }. You pay on the provider's secure page.
    .action = Pay
    .sms = Amount to pay: { $euros }.{ $cents } EUR. To pay, tap this link: { $link }
payment-receipt =
    .subject = Payment received: { amount }
    .body =
        Hello,

        Your payment of { amount } was received on { when }.

        Reference: { $reference }
payment-refunded =
    .subject = Refund: { amount }
    .body =
        Hello,

        { amount } were paid back to you. How long it takes depends on your bank.

        Reference: { $reference }
payment-activation-requested =
    .subject = Online payment asked for
    .body =
        Hello,

        A professional asks for online payment.
    .action = See the request
payment-activated =
    .subject = Online payment is on
    .body =
        Hello,

        Online payment is on for your account. You can ask for a payment during an appointment.
    .action = Open my appointments
retention-warning =
    .subject = Save before erasure
    .body =
        Hello,

        { $days ->
            [1] A report or attachments will be erased tomorrow.
           *[other] A report or attachments will be erased in { $days } days.
        } They were never downloaded. Save them in your own record.
    .action = Download
webhook-disabled =
    .subject = An endpoint does not answer
    .body =
        Hello,

        An endpoint for events has not answered for a long time. It was switched off.
    .action = See the settings
test-message =
    .subject = Test
    .body =
        Hello,

        This is a test of the settings. It has arrived.
    .sms = This is a test of the settings. It has arrived.

calendar =
    .summary = Video appointment with { $professional }
    .description = Open this link at the time: { $link }
    .cancelled = Appointment cancelled.
