<?php

http_response_code(403);
print 'In order to run updates you need to be an administrator of this stand-in.';
