package com.example.bank.verification

import android.telephony.PhoneNumberUtils
import com.google.android.gms.fraudprotect.AbstractBankCallVerificationService
import com.google.android.gms.fraudprotect.CallVerificationVerdict
import java.time.Instant
import java.util.concurrent.Executors

/**
 * Answers Google Play services when a call rings on a handset with the bank's app.
 *
 * In AndroidManifest.xml, the service needs the permission and the intent filter that Google's reference names.
 */
class BankCallVerificationService : AbstractBankCallVerificationService() {
    private val threads = Executors.newSingleThreadExecutor()
    private val verifier by lazy { CallVerifier(BankApp.verificationService, BankApp::accessToken) }

    override fun onVerifyCall(
        requestId: String,
        incomingNumber: String,
        userPhoneNumbersSuffixes: List<String>,
        submitter: VerdictSubmitter,
    ) {
        val rangAt = Instant.now()
        threads.execute {
            val number = PhoneNumberUtils.formatNumberToE164(incomingNumber, BankApp.country)
            val verdict = if (number == null) RingingVerdict.UNDETERMINED else verifier.verify(number, rangAt)
            submitter.submit(androidVerdict(verdict))
        }
    }

    private fun androidVerdict(verdict: RingingVerdict) = when (verdict) {
        RingingVerdict.LEGIT -> CallVerificationVerdict(CallVerificationVerdict.LEGIT_CALL, null)
        RingingVerdict.NOT_LEGIT -> CallVerificationVerdict(CallVerificationVerdict.NOT_LEGIT_CALL, null)
        RingingVerdict.UNDETERMINED -> CallVerificationVerdict(CallVerificationVerdict.UNDETERMINED, null)
    }
}
