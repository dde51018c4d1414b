package com.example.bank.verification

import java.io.ByteArrayOutputStream
import java.io.InputStream
import java.net.HttpURLConnection
import java.net.URL
import java.time.Instant
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import org.json.JSONException
import org.json.JSONObject

/** What the bank says of a call that rings. Everything that is not understood is [UNDETERMINED]. */
enum class RingingVerdict { LEGIT, NOT_LEGIT, UNDETERMINED }

/**
 * Asks the verification service whether a call that rings is from the bank (specs/protocol.md section 7.15).
 *
 * [service] is the address of the service. [accessToken] returns the customer's current access token, or null if the
 * customer is not logged in. Both come from the bank's app.
 */
class CallVerifier(private val service: String, private val accessToken: () -> String?) {
    private val threads = Executors.newCachedThreadPool { work -> Thread(work).apply { isDaemon = true } }

    /** Never throws, and takes at most [TOTAL_MS]. [callerNumber] is in E.164. */
    fun verify(callerNumber: String, rangAt: Instant): RingingVerdict {
        val asked = threads.submit(Callable { ask(callerNumber, rangAt) })
        return try {
            asked.get(TOTAL_MS, TimeUnit.MILLISECONDS)
        } catch (failed: Exception) {
            asked.cancel(true)
            RingingVerdict.UNDETERMINED
        }
    }

    private fun ask(callerNumber: String, rangAt: Instant): RingingVerdict {
        val token = accessToken() ?: return RingingVerdict.UNDETERMINED
        val body = JSONObject().put("caller_number", callerNumber).put("rang_at", rangAt.toString()).toString()
        val connection = URL("$service/v1/me/call-verification").openConnection() as HttpURLConnection
        try {
            connection.connectTimeout = TOTAL_MS.toInt()
            connection.readTimeout = TOTAL_MS.toInt()
            connection.instanceFollowRedirects = false
            connection.requestMethod = "POST"
            connection.doOutput = true
            connection.setRequestProperty("Authorization", "Bearer $token")
            connection.setRequestProperty("Content-Type", "application/json")
            connection.outputStream.use { it.write(body.toByteArray()) }
            if (connection.responseCode != 200) return RingingVerdict.UNDETERMINED
            return verdictOf(connection.inputStream.use { readBounded(it) })
        } finally {
            connection.disconnect()
        }
    }

    companion object {
        const val TOTAL_MS = 3_000L
        private const val MAX_ANSWER = 4_096

        /** The verdict in an answer of the service. */
        fun verdictOf(answer: String): RingingVerdict = try {
            when (JSONObject(answer).get("verdict")) {
                "legit" -> RingingVerdict.LEGIT
                "not_legit" -> RingingVerdict.NOT_LEGIT
                else -> RingingVerdict.UNDETERMINED
            }
        } catch (malformed: JSONException) {
            RingingVerdict.UNDETERMINED
        }

        /** Reads at most [MAX_ANSWER] bytes. The answers of the service are far shorter. */
        private fun readBounded(stream: InputStream): String {
            val found = ByteArrayOutputStream()
            val chunk = ByteArray(1_024)
            while (found.size() < MAX_ANSWER) {
                val read = stream.read(chunk, 0, minOf(chunk.size, MAX_ANSWER - found.size()))
                if (read < 0) break
                found.write(chunk, 0, read)
            }
            return found.toString("UTF-8")
        }
    }
}
